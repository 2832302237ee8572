import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { defaultRotationTimes } from '@letterlock/core';
import { describeConfig, loadConfig, type ConfigFault, type LoadConfigOptions } from './config.ts';
import { createAdmin, createIdentity } from './testing/test-server.ts';

const admins = ['one', 'two'].map((name) => createAdmin(name).pem);
const machine = { firstFreePort: 1024, swappedBytes: 0 };
const valid = { 'trust-domain': 'test.example', store: 'memory', 'init-certificates': admins } as const;
const { id } = createIdentity();
const aFingerprint = 'A'.repeat(43);
const anImage = `sha256:${'0a'.repeat(32)}`;
const inPod = { kubernetes: 'in-cluster', 'attest-kubernetes-container': 'server' };
const attested = { 'attest-static-key-file': 'replica.key', 'attest-static-fingerprints': aFingerprint };
const aGrant = { path: 'team-a', verbs: ['wrap'], who: id };

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

function withFlags(changes: LoadConfigOptions['flags']): LoadConfigOptions {
  return { flags: { ...valid, ...changes } };
}

function file(text: string): string {
  const path = join(folder, `${crypto.randomUUID()}.yaml`);
  writeFileSync(path, text);
  return path;
}

const fileOf = (lines: string): string =>
  file(`trustDomain: test.example\ninit: {certificates: ${JSON.stringify(admins)}}\n${lines}\n`);

describe('loadConfig()', () => {
  test('fills in the defaults, and freezes everything', () => {
    const config = loadConfig({ ...withFlags({}), machine });
    expect(config).toMatchObject({
      trustDomain: 'test.example',
      store: { memory: { refuseSwap: false } },
      listen: { direct: { host: '127.0.0.1', port: 8443 }, grpc: undefined, health: { host: '127.0.0.1', port: 9090 } },
      publicOrigins: [],
      init: { certificates: admins.map((pem) => pem.trimEnd() + '\n'), threshold: 1, acceptSingleHolder: false },
      attest: undefined,
      peers: [],
      peerUnseal: 'attested',
      ca: defaultRotationTimes,
      quotas: { liveWrapsPerIdentity: 10_000, liveSecretVersionsPerIdentity: 10_000 },
      log: { level: 'info' },
      notes: [],
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.init.certificates)).toBe(true);
  });

  test('reads a file, with paths relative to it', () => {
    writeFileSync(join(folder, 'admins.pem'), admins.join('some text between\n'));
    const path = file(
      [
        'trustDomain: test.example',
        'store: {memory: {refuseSwap: true}}',
        'listen: {direct: "[::]:8443", health: none}',
        'publicOrigins: ["https://letterlock.example.com:8443"]',
        'init: {certificates: [admins.pem]}',
        `grants: [${JSON.stringify(aGrant)}]`,
      ].join('\n'),
    );
    expect(loadConfig({ file: path, machine })).toMatchObject({
      store: { memory: { refuseSwap: true } },
      listen: { direct: { host: '::', port: 8443 }, health: undefined },
      publicOrigins: ['https://letterlock.example.com:8443'],
      init: { certificates: [expect.any(String), expect.any(String)] },
      grants: [aGrant],
    });
  });

  test('reads lifetimes of workload certificates and their authorities', () => {
    const path = fileOf(
      'store: {memory: }\nca: {leafTTL: 2m, authorityTTL: 15m, renewBefore: 14m, overlap: 30s}\nlisten: {health: none}',
    );
    expect(loadConfig({ file: path, machine }).ca).toEqual({
      leaf: 120,
      lifetime: 900,
      renewBefore: 840,
      published: 30,
      retired: 160,
    });
  });

  test('renews an authority at two thirds of its life where nothing else is said', () => {
    const { ca } = loadConfig({ ...withFlags({ 'ca-authority-ttl': '9h' }), machine });
    expect(ca).toMatchObject({ lifetime: 32_400, renewBefore: 10_800 });
  });

  test('3.12.11 takes the flag before the environment before the file, and says where they disagree', () => {
    const path = fileOf('store: {memory: }\nlog: {level: error}\nquotas: {liveWrapsPerIdentity: 1}');
    const environment = { LETTERLOCK_LOG_LEVEL: 'warn', LETTERLOCK_QUOTAS_LIVE_WRAPS_PER_IDENTITY: '2' };
    const config = loadConfig({ file: path, environment, flags: { 'log-level': 'debug' }, machine });
    expect(config.log.level).toBe('debug');
    expect(config.quotas.liveWrapsPerIdentity).toBe(2);
    expect(config.notes).toEqual([
      'quotas.liveWrapsPerIdentity: environment and file disagree; the environment counts',
      'log.level: flag and environment disagree; the flag counts',
      'log.level: flag and file disagree; the flag counts',
    ]);
  });

  test('ignores variables of Kubernetes for a Service of our name', () => {
    const environment = { LETTERLOCK_PORT: 'tcp://10.0.0.1:8443', LETTERLOCK_SERVICE_HOST: '10.0.0.1' };
    expect(faultsOf({ ...withFlags({}), environment })).toEqual([]);
  });

  test.each([
    { name: '3.12.1 an unknown key', text: 'trustdomain: x', at: 'trustdomain', says: 'did you mean trustDomain?' },
    {
      name: '3.12.1 an unknown key of lifetimes',
      text: 'ca: {leafTtl: 2m}',
      at: 'ca.leafTtl',
      says: 'did you mean leafTTL?',
    },
    {
      name: '3.12.1 an unknown inner key',
      text: 'listen: {helth: none}',
      at: 'listen.helth',
      says: 'did you mean health?',
    },
    { name: '3.12.1 a key that nothing is near', text: 'zzzzzzzz: 1', at: 'zzzzzzzz', says: 'is not a known key' },
    {
      name: '3.12.6 a store that is not there',
      text: 'store: {consul: {}}',
      at: 'store.consul',
      says: 'is not a known key',
    },
    { name: '__proto__', text: '"__proto__": {log: {level: debug}}', at: '__proto__', says: 'is not a known key' },
    {
      name: '3.12.2 a string for an integer',
      text: 'quotas: {liveWrapsPerIdentity: "5m"}',
      at: 'quotas.liveWrapsPerIdentity',
      says: 'expected',
    },
    {
      name: '3.12.2 a fraction',
      text: 'quotas: {liveWrapsPerIdentity: 1.5}',
      at: 'quotas.liveWrapsPerIdentity',
      says: 'expected',
    },
    { name: '3.12.2 an integer for a string', text: 'listen: {direct: 8443}', at: 'listen.direct', says: 'expected' },
    { name: '3.12.2 a scalar for a mapping', text: 'listen: none', at: 'listen', says: 'expected a mapping' },
    { name: 'a word of another list', text: 'log: {level: loud}', at: 'log.level', says: 'expected one of' },
    {
      name: 'a grant with an unknown member',
      text: `grants: [${JSON.stringify({ ...aGrant, other: 1 })}]`,
      at: 'grants[0]',
      says: 'expected a grant',
    },
    {
      name: 'an origin with a path',
      text: 'publicOrigins: ["https://a.example/"]',
      at: 'publicOrigins[0]',
      says: 'expected an origin',
    },
    {
      name: 'an origin in upper case',
      text: 'publicOrigins: ["https://A.example"]',
      at: 'publicOrigins[0]',
      says: 'expected an origin',
    },
    {
      name: 'an origin with the default port',
      text: 'publicOrigins: ["https://a.example:443"]',
      at: 'publicOrigins[0]',
      says: 'expected an origin',
    },
    {
      name: 'an origin without TLS',
      text: 'publicOrigins: ["http://a.example"]',
      at: 'publicOrigins[0]',
      says: 'expected an origin',
    },
    { name: 'a tab', text: 'listen:\n\tdirect: x', at: 'file', says: 'Tabs are not allowed' },
    { name: 'a repeated key', text: 'log: {level: info}\nlog: {level: warn}', at: 'file', says: 'must be unique' },
    { name: 'an alias', text: 'identities: &a []\ngrants: *a', at: 'file', says: 'no YAML aliases' },
    { name: 'a list', text: '', whole: '- a', at: 'file', says: 'expected a mapping' },
    {
      name: 'a certificate that is none',
      text: '',
      whole: 'trustDomain: a\nstore: {memory: }\ninit: {certificates: ["-----BEGIN X"]}',
      at: 'init.certificates[0]',
      says: 'has no PEM certificate',
    },
    {
      name: 'a certificate that is not there',
      text: '',
      whole: 'trustDomain: a\nstore: {memory: }\ninit: {certificates: [absent.pem]}',
      at: 'init.certificates[0]',
      says: 'cannot be read (ENOENT)',
    },
  ])('refuses $name', ({ text, whole, at, says }) => {
    const path =
      whole === undefined ? fileOf(`${text.includes('store:') ? '' : 'store: {memory: }\n'}${text}`) : file(whole);
    expect(faultsOf({ file: path })).toContainEqual({ at, message: expect.stringContaining(says) });
  });

  test.each([
    { name: 'nothing at all', flags: {}, at: 'trustDomain', says: 'is missing' },
    { name: 'no store', flags: { ...valid, store: undefined }, at: 'store', says: 'is missing' },
    {
      name: 'an unknown flag',
      flags: { ...valid, 'listen-dirct': 'x' },
      at: '--listen-dirct',
      says: 'did you mean --listen-direct?',
    },
    {
      name: 'a flag without its value',
      flags: { ...valid, 'log-level': true },
      at: '--log-level',
      says: 'expected a value',
    },
    {
      name: 'a flag twice',
      flags: { ...valid, 'log-level': ['info', 'warn'] },
      at: '--log-level',
      says: 'expected once',
    },
    {
      name: '3.12.2 a unit',
      flags: { ...valid, 'quotas-live-wraps-per-identity': '5m' },
      at: '--quotas-live-wraps-per-identity',
      says: 'expected a plain decimal integer',
    },
    {
      name: '3.12.3 one port twice',
      flags: { ...valid, 'listen-health': '127.0.0.1:8443' },
      at: 'listen.health',
      says: 'expected another port',
    },
    {
      name: '3.12.3 the port of the API for replicas too',
      flags: { ...valid, ...attested, 'listen-grpc': '127.0.0.1:8443' },
      at: 'listen.grpc',
      says: 'expected another port than listen.direct',
    },
    {
      name: '3.12.3 the port for replicas for health too',
      flags: { ...valid, ...attested, 'listen-grpc': '127.0.0.1:9090' },
      at: 'listen.health',
      says: 'expected another port than listen.grpc',
    },
    {
      name: '3.12.3 a privileged port for replicas',
      flags: { ...valid, ...attested, 'listen-grpc': '127.0.0.1:444' },
      at: 'listen.grpc',
      says: 'expected a port from 1024',
    },
    {
      name: 'a listener for replicas that nothing attests',
      flags: { ...valid, 'listen-grpc': '127.0.0.1:9443' },
      at: 'attest.static.keyFile',
      says: 'by attestation only',
    },
    {
      name: 'peers that nothing attests, in Kubernetes too',
      flags: {
        ...valid,
        store: 'etcd',
        'etcd-endpoints': 'https://etcd:2379',
        'etcd-ca-file': 'ca.crt',
        'etcd-cert-file': 'etcd.crt',
        'etcd-key-file': 'etcd.key',
        peers: 'b:9443',
        kubernetes: 'in-cluster',
      },
      at: 'attest.kubernetes.container',
      says: 'by attestation only',
    },
    {
      name: '3.12.6 both attestations',
      flags: { ...valid, ...attested, ...inPod },
      at: 'attest',
      says: 'not both',
    },
    {
      name: 'attestation by a Kubernetes that is not configured',
      flags: { ...valid, 'attest-kubernetes-container': 'server' },
      at: 'kubernetes.access',
      says: 'asks the API server',
    },
    {
      name: 'images that nothing looks at',
      flags: { ...valid, kubernetes: 'in-cluster', 'attest-kubernetes-images': anImage },
      at: 'attest.kubernetes.container',
      says: 'nothing looks at the images',
    },
    {
      name: 'an image that is no digest',
      flags: { ...valid, ...inPod, 'attest-kubernetes-images': 'letterlock-server:1' },
      at: 'attest.kubernetes.images[0]',
      says: 'expected sha256:',
    },
    {
      name: 'more images than a record holds',
      flags: { ...valid, ...inPod, 'attest-kubernetes-images': Array.from({ length: 17 }, () => anImage) },
      at: 'attest.kubernetes.images',
      says: 'at most 16',
    },
    {
      name: 'a static identity without fingerprints',
      flags: { ...valid, 'attest-static-key-file': 'replica.key' },
      at: 'attest.static.fingerprints',
      says: 'both or none',
    },
    {
      name: 'fingerprints without a static identity',
      flags: { ...valid, 'attest-static-fingerprints': aFingerprint },
      at: 'attest.static.keyFile',
      says: 'both or none',
    },
    {
      name: '3.12.9 replicas on a memory store',
      flags: { ...valid, ...attested, peers: 'replica-b:9443' },
      at: 'peers',
      says: 'expected store etcd',
    },
    {
      name: 'a peer without a port',
      flags: { ...valid, ...attested, peers: 'replica-b' },
      at: 'peers[0]',
      says: 'expected host:port',
    },
    {
      name: 'a peer without a host',
      flags: { ...valid, ...attested, peers: ':9443' },
      at: 'peers[0]',
      says: 'expected host:port',
    },
    {
      name: 'a fingerprint that is none',
      flags: { ...valid, ...attested, 'attest-static-fingerprints': 'abc' },
      at: 'attest.static.fingerprints[0]',
      says: 'expected a thumbprint',
    },
    {
      name: 'another word for peer unseal',
      flags: { ...valid, 'peer-unseal': 'on' },
      at: 'peerUnseal',
      says: 'expected one of attested, off',
    },
    ...[
      {
        name: 'a certificate that lives too short',
        flag: 'leaf-ttl',
        text: '119s',
        at: 'leafTTL',
        says: 'from 2m to 1h',
      },
      {
        name: 'a certificate that lives too long',
        flag: 'leaf-ttl',
        text: '1h1s',
        at: 'leafTTL',
        says: 'from 2m to 1h',
      },
      { name: 'a lifetime without a unit', flag: 'leaf-ttl', text: '600', at: 'leafTTL', says: 'expected a duration' },
      {
        name: 'a lifetime in days',
        flag: 'authority-ttl',
        text: '90d',
        at: 'authorityTTL',
        says: 'expected a duration',
      },
      {
        name: 'an authority for two years',
        flag: 'authority-ttl',
        text: '17520h',
        at: 'authorityTTL',
        says: 'to 8760h',
      },
      { name: 'an overlap of a second', flag: 'overlap', text: '1s', at: 'overlap', says: 'from 30s to 24h' },
      {
        name: 'a renewal after which the old authority ends before its certificates',
        flag: 'renew-before',
        text: '10799s',
        at: 'renewBefore',
        says: 'expected at least ca.overlap and ca.leafTTL together, 10800s, of which it has 10799s',
      },
      {
        name: 'an authority that ends before the next one signs',
        flag: 'authority-ttl',
        text: '4h',
        at: 'renewBefore',
        says: 'of which it has 4800s',
      },
    ].map(({ name, flag, text, at, says }) => ({
      name,
      flags: { ...valid, [`ca-${flag}`]: text },
      at: `ca.${at}`,
      says,
    })),
    {
      name: 'an authority that is renewed before it can have replaced the last one',
      flags: { ...valid, 'ca-renew-before': '2159h' },
      at: 'ca.authorityTTL',
      says: 'expected at least ca.renewBefore and ca.overlap together',
    },
    {
      name: '3.12.3 a privileged port',
      flags: { ...valid, 'listen-direct': '127.0.0.1:443' },
      at: 'listen.direct',
      says: 'expected a port from 1024',
    },
    {
      name: 'a port beyond 65535',
      flags: { ...valid, 'listen-direct': ':70000' },
      at: 'listen.direct',
      says: 'expected host:port',
    },
    {
      name: '3.12.7 a threshold above the number of certificates',
      flags: { ...valid, 'init-threshold': '3' },
      at: 'init.threshold',
      says: 'expected at most the number',
    },
    {
      name: '3.12.7 a threshold of nobody',
      flags: { ...valid, 'init-threshold': '0' },
      at: 'init.threshold',
      says: 'expected',
    },
    {
      name: '3.12.7 one holder alone',
      flags: { ...valid, 'init-certificates': admins.slice(0, 1) },
      at: 'init.certificates',
      says: 'acceptSingleHolder',
    },
    {
      name: 'one certificate twice',
      flags: { ...valid, 'init-certificates': [admins[0]!, admins[0]!] },
      at: 'init.certificates',
      says: 'the same key',
    },
    {
      name: 'no origin beyond this machine',
      flags: { ...valid, 'listen-direct': ':8443' },
      at: 'publicOrigins',
      says: 'is missing',
    },
    {
      name: 'a certificate file without its key',
      flags: { ...valid, 'tls-cert-file': 'a.pem' },
      at: 'tls.keyFile',
      says: 'is missing',
    },
    {
      name: 'a keyset that is none',
      flags: { ...valid, identities: 'a.b.c' },
      at: 'identities[0]',
      says: 'expected a letterlock-keyset+jws',
    },
    {
      name: 'an authority that is no CA',
      flags: { ...valid, 'x509-authorities': [admins[0]!] },
      at: 'x509Authorities[0]',
      says: 'expected a CA certificate',
    },
  ])('refuses $name', ({ flags, at, says }) => {
    expect(faultsOf({ flags })).toContainEqual({ at, message: expect.stringContaining(says) });
  });

  test('accepts one holder alone where that is said', () => {
    const flags = { 'init-certificates': admins.slice(0, 1), 'accept-single-holder': true };
    expect(faultsOf(withFlags(flags))).toEqual([]);
  });

  test('refuses swapped memory only where that is asked', () => {
    const swapped = { firstFreePort: 0, swappedBytes: 4096 };
    expect(faultsOf({ ...withFlags({}), machine: swapped })).toEqual([]);
    expect(faultsOf({ ...withFlags({ 'store-memory-refuse-swap': true }), machine: swapped })).toContainEqual({
      at: 'store.memory.refuseSwap',
      message: expect.stringContaining('swapped out'),
    });
  });

  test('names all faults at once, and no value', () => {
    const faults = faultsOf({
      flags: { ...valid, 'log-level': 'hunter2', 'listen-direct': 'hunter2', 'trust-domain': 'HUNTER2' },
    });
    expect(faults.map(({ at }) => at)).toEqual(['trustDomain', 'listen.direct', 'log.level']);
    expect(JSON.stringify(faults).toLowerCase()).not.toContain('hunter2');
  });
});

describe('describeConfig()', () => {
  test('has flag and variable of every key, each once', () => {
    const described = describeConfig();
    const names = described.flatMap(({ key, flags, environment }) => [key, ...flags, environment]);
    expect(new Set(names).size).toBe(names.length);
    expect(described.find(({ key }) => key === 'quotas.liveWrapsPerIdentity')).toEqual({
      key: 'quotas.liveWrapsPerIdentity',
      type: 'integer',
      isRequired: false,
      default: 10_000,
      flags: ['--quotas-live-wraps-per-identity'],
      environment: 'LETTERLOCK_QUOTAS_LIVE_WRAPS_PER_IDENTITY',
      description: expect.any(String),
    });
  });
});
