/**
 * Writes an etcd server's credentials to files and gives the settings that name them.
 * It must never leave the files behind: the folder goes with the object.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EtcdServer } from '../etcd/testing/etcd-server.ts';

export interface EtcdSettings extends Disposable {
  /** Flags of `letterlock server`. */
  readonly flags: Readonly<Record<string, string>>;
}

export function etcdSettings(servers: readonly EtcdServer[]): EtcdSettings {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-etcd-client-'));
  const { ca, certificate, key } = servers[0]!.credentials!;
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  return {
    flags: {
      store: 'etcd',
      'etcd-endpoints': servers.map(({ endpoint }) => endpoint).join(','),
      'etcd-ca-file': file('ca.crt', ca),
      'etcd-cert-file': file('client.crt', certificate),
      'etcd-key-file': file('client.key', key),
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
