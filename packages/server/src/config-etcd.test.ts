import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadConfig, type ConfigFault, type LoadConfigOptions } from './config.ts';
import { createAdmin } from './testing/test-server.ts';

const admins = ['one', 'two'].map((name) => createAdmin(name).pem);
const machine = { firstFreePort: 1024, swappedBytes: 0 };
const common = { 'trust-domain': 'test.example', 'init-certificates': admins } as const;
const valid = {
  ...common,
  store: 'etcd',
  'etcd-endpoints': 'https://etcd-0.etcd:2379,https://etcd-1.etcd:2379',
  'etcd-ca-file': 'ca.crt',
  'etcd-cert-file': 'client.crt',
  'etcd-key-file': 'client.key',
} as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function faultsOf(options: LoadConfigOptions): readonly ConfigFault[] {
  try {
    loadConfig({ machine, ...options });
  } catch (error) {
    return (error as { readonly faults: readonly ConfigFault[] }).faults;
  }
  return [];
}

function file(store: string): string {
  const path = join(folder, 'letterlock.yaml');
  writeFileSync(path, `trustDomain: test.example\ninit: {certificates: ${JSON.stringify(admins)}}\nstore: ${store}\n`);
  return path;
}

describe('the configuration of the etcd store', () => {
  test('is read from flags', () => {
    expect(loadConfig({ flags: valid, machine }).store).toEqual({
      etcd: {
        endpoints: ['https://etcd-0.etcd:2379', 'https://etcd-1.etcd:2379'],
        caFile: resolve('ca.crt'),
        certFile: resolve('client.crt'),
        keyFile: resolve('client.key'),
        prefix: 'letterlock/',
        quotaBytes: 2_147_483_648,
      },
    });
  });

  test('is read from a file, with paths relative to it', () => {
    const etcd =
      '{etcd: {endpoints: ["https://e:2379"], caFile: ca.crt, certFile: c.crt, keyFile: c.key, prefix: "one/"}}';
    expect(loadConfig({ file: file(etcd), machine }).store).toEqual({
      etcd: {
        endpoints: ['https://e:2379'],
        caFile: join(folder, 'ca.crt'),
        certFile: join(folder, 'c.crt'),
        keyFile: join(folder, 'c.key'),
        prefix: 'one/',
        quotaBytes: 2_147_483_648,
      },
    });
  });

  test.each([
    { name: '3.12.5 no endpoints', change: { 'etcd-endpoints': undefined }, at: 'store.etcd.endpoints' },
    { name: '3.12.5 an empty list of endpoints', change: { 'etcd-endpoints': '' }, at: 'store.etcd.endpoints' },
    {
      name: '3.12.5 plain text',
      change: { 'etcd-endpoints': 'http://etcd-0.etcd:2379' },
      at: 'store.etcd.endpoints[0]',
    },
    {
      name: '3.12.5 plain text on loopback',
      change: { 'etcd-endpoints': 'http://localhost:2379' },
      at: 'store.etcd.endpoints[0]',
    },
    {
      name: 'plain text at one of two',
      change: { 'etcd-endpoints': 'https://a:2379,http://b:2379' },
      at: 'store.etcd.endpoints[1]',
    },
    {
      name: 'an address instead of a name',
      change: { 'etcd-endpoints': 'https://127.0.0.1:2379' },
      at: 'store.etcd.endpoints[0]',
    },
    { name: 'no port', change: { 'etcd-endpoints': 'https://etcd' }, at: 'store.etcd.endpoints[0]' },
    { name: 'a path', change: { 'etcd-endpoints': 'https://etcd:2379/x' }, at: 'store.etcd.endpoints[0]' },
    {
      name: 'a user in the address',
      change: { 'etcd-endpoints': 'https://root:hunter2@etcd:2379' },
      at: 'store.etcd.endpoints[0]',
    },
    { name: 'no authorities', change: { 'etcd-ca-file': undefined }, at: 'store.etcd.caFile' },
    { name: 'no client certificate', change: { 'etcd-cert-file': undefined }, at: 'store.etcd.certFile' },
    { name: 'no client key', change: { 'etcd-key-file': undefined }, at: 'store.etcd.keyFile' },
    { name: 'a prefix without its end', change: { 'etcd-prefix': 'letterlock' }, at: 'store.etcd.prefix' },
    { name: 'a prefix with a space', change: { 'etcd-prefix': 'a b/' }, at: 'store.etcd.prefix' },
    {
      name: 'a setting of memory beside it',
      change: { 'store-memory-refuse-swap': true },
      at: 'store.memory.refuseSwap',
    },
    { name: '3.12.6 memory, with settings of etcd', change: { store: 'memory' }, at: 'store.etcd.endpoints' },
  ])('refuses $name', ({ change, at }) => {
    const faults = faultsOf({ flags: { ...valid, ...change } });
    expect(faults).toContainEqual({ at, message: expect.any(String) });
    expect(JSON.stringify(faults)).not.toContain('hunter2');
  });

  test('3.12.6 refuses both stores in one file', () => {
    const faults = faultsOf({ file: file('{memory: {}, etcd: {endpoints: ["https://e:2379"]}}') });
    expect(faults).toContainEqual({ at: 'store', message: 'expected memory or etcd, not both' });
  });

  test('3.12.6 refuses both stores in two sources', () => {
    const faults = faultsOf({ file: file('{memory: {refuseSwap: true}}'), flags: valid });
    expect(faults).toContainEqual({ at: 'store.memory.refuseSwap', message: expect.stringContaining('not both') });
  });
});
