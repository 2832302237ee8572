import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  certificatePem,
  createSelfSignedCertificate,
  generateSigningKey,
  importVerifyingKey,
  verifyState,
} from '@letterlock/crypto';
import type { StateResponse } from '@letterlock/protocol';
import type { TestClient } from './testing/test-client.ts';
import { nowSeconds, startTestServer, type TestServer } from './testing/test-server.ts';

interface Pair {
  readonly certificate: string;
  readonly key: string;
  readonly thumbprint: string;
}

function pair(): Pair {
  const key = generateSigningKey('P-256');
  const der = createSelfSignedCertificate({
    key,
    commonName: 'x',
    notBeforeSeconds: nowSeconds() - 60,
    notAfterSeconds: nowSeconds() + 3600,
    hosts: ['127.0.0.1'],
  });
  const { thumbprint } = key;
  return { certificate: certificatePem(der), key: key.keyObject.export({ format: 'pem', type: 'pkcs8' }), thumbprint };
}

describe('the certificate files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-reload-'));
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const [first, second] = [pair(), pair()];
  let server: TestServer;

  beforeAll(async () => {
    write(first);
    server = await startTestServer(
      { 'tls-cert-file': certFile, 'tls-key-file': keyFile },
      { certificateCheckMilliseconds: 20 },
    );
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function write({ certificate, key }: Omit<Pair, 'thumbprint'>): void {
    for (const [path, text] of [
      [keyFile, key],
      [certFile, certificate],
    ] as const) {
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    }
  }

  async function logged(sentence: string, count: number): Promise<void> {
    while (server.logged.filter((line) => line.includes(sentence)).length < count) {
      await once(server.logging, 'line');
    }
  }

  /** Which key the connection is served with, as the server signs it. */
  async function served(client: TestClient): Promise<string> {
    const { body } = await client.send({ method: 'GET', path: '/v1/sys/state' });
    const state = JSON.parse(body) as StateResponse;
    const tls = importVerifyingKey(
      client.connection.socket.getPeerX509Certificate()!.publicKey.export({ format: 'jwk' }),
    );
    return verifyState(state.jws!, importVerifyingKey(state.sik), { tls: tls.thumbprint }).tls;
  }

  test('3.12.10 are served, replaced while connections live, and kept when the next ones are bad', async () => {
    const old = await server.connect();
    expect(await served(old)).toBe(first.thumbprint);

    write(second);
    await logged('Reloaded the certificate', 1);
    const fresh = await server.connect();
    expect(await served(fresh)).toBe(second.thumbprint);
    expect(await served(old)).toBe(first.thumbprint);
    expect(server.certificate).toBe(second.certificate);

    write({ certificate: first.certificate, key: second.key });
    await logged('Kept the old certificate', 1);
    const kept = await server.connect();
    expect(await served(kept)).toBe(second.thumbprint);
    const metrics = await (await fetch(`${server.healthOrigin}/metrics`)).text();
    expect(metrics).toContain('letterlock_certificate_reloads_total{outcome="ok"} 1');
    expect(metrics).toContain('letterlock_certificate_reloads_total{outcome="failed"} 1');
    for (const each of [old, fresh, kept]) each.close();
  });
});
