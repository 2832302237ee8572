/** The trail of a real server in its sinks: whole, in order, signed, also over seals and the end. @module */
import { afterAll, describe, expect, test } from '@jest/globals';
import { AuditVerifier, type AuditReport } from '@letterlock/crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  apply,
  createIdentity,
  giveShare,
  grantWrap,
  register,
  startTestServer,
  wrapFor,
  type TestServer,
} from './testing/test-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'letterlock-audit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function linesOf(path: string): readonly string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}
function actsOf(lines: readonly string[]): readonly string[] {
  return lines.map((line) => (JSON.parse(line) as { readonly act?: string }).act ?? 'checkpoint');
}
function verify(lines: readonly string[], server: TestServer): AuditReport {
  const verifier = new AuditVerifier(server.fingerprint!);
  for (const [index, line] of lines.entries()) verifier.add(line, { file: 'file', line: index + 1 });
  return verifier.report();
}

async function oneWrap(server: TestServer): Promise<void> {
  const client = await server.connect();
  const [writer, reader] = [createIdentity(), createIdentity()];
  await register(server, client, writer);
  await register(server, client, reader);
  await grantWrap(server, client, writer.id, 'team-a');
  const { envelope } = await wrapFor(writer, reader);
  const { status } = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
  expect(status).toBe(201);
  client.close();
}

describe('audit sinks of a server', () => {
  test('the file has init, every act, seal, unseal and the checkpoints, and verifies', async () => {
    const path = join(folder, 'whole.jsonl');
    const server = await startTestServer({ 'audit-sinks': [`file:${path}`] });
    await oneWrap(server);
    const client = await server.connect();
    expect((await apply(server, client, { op: 'seal', args: {} })).status).toBe(200);
    expect((await giveShare(server, server.admins[1]!)).status).toBe(200);
    client.close();
    await server.close();
    const lines = linesOf(path);
    expect(actsOf(lines)).toEqual([
      'init',
      'identity.put',
      'identity.register',
      'identity.put',
      'identity.register',
      'grant.put',
      'wrap.store',
      'seal',
      'checkpoint',
      'unseal.share',
      'unseal',
      'checkpoint',
    ]);
    expect(verify(lines, server)).toMatchObject({ findings: [], records: 10, checkpoints: 2, uncovered: 0 });
    const changed = lines.with(6, lines[6]!.replace('"outcome":"ok"', '"outcome":"on"'));
    expect(verify(changed, server).findings).toMatchObject([{ kind: 'changed' }]);
  });

  test('a checkpoint is written when its time has come, and only for something new', async () => {
    const path = join(folder, 'minute.jsonl');
    const server = await startTestServer({ 'audit-sinks': [`file:${path}`] }, { checkpointMilliseconds: 20 });
    const read = async (): Promise<string> => (await fetch(`${server.healthOrigin}/metrics`)).text();
    let metrics = await read();
    while (!metrics.includes('letterlock_audit_checkpoint 1\n')) metrics = await read();
    expect(metrics).toContain('letterlock_audit_uncovered 0\n');
    const client = await server.connect();
    const status = await client.prove(server.admins[0]!.sig, { method: 'GET', path: '/v1/sys/unseal' });
    client.close();
    const { ckpt } = JSON.parse(status.body) as { readonly ckpt: string };
    expect(linesOf(path)).toContainEqual(expect.stringContaining(ckpt));
    expect(metrics).toContain('letterlock_audit_sink_failures{sink="file"} 0\n');
    await server.close();
    expect(actsOf(linesOf(path))).toEqual(['init', 'checkpoint']);
  });

  test('a collector that is down makes the service unready and gets every line when it is back', async () => {
    let status = 503;
    const lines: string[] = [];
    const collector = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
      request.on('end', () => {
        if (status === 200) lines.push(...body.split('\n').slice(0, -1));
        response.writeHead(status).end();
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    collector.listen(0, '127.0.0.1', resolve);
    await promise;
    const { port } = collector.address() as AddressInfo;
    await using cleanUp = new AsyncDisposableStack();
    cleanUp.defer(() => void collector.close());
    cleanUp.defer(() => collector.closeAllConnections());
    const server = await startTestServer({ 'audit-sinks': [`http://127.0.0.1:${port}/`] });
    cleanUp.defer(() => server.close());
    const until = async (wanted: string): Promise<void> => {
      let found = '';
      const end = performance.now() + 10_000;
      while (found !== wanted && performance.now() < end) {
        found = await (await fetch(`${server.healthOrigin}/readyz`)).text();
      }
      expect(found).toBe(wanted);
    };
    // Requests do not wait for the collector.
    await oneWrap(server);
    await until('{"status":"unready","reasons":["audit_sink"]}');
    status = 200;
    await until('{"status":"ready"}');
    await server.close();
    expect(verify(lines, server)).toMatchObject({ findings: [], records: 7, checkpoints: 1, uncovered: 0 });
  }, 40_000);

  test('3.12.8 does not start when the file cannot be written', async () => {
    await expect(startTestServer({ 'audit-sinks': [`file:${folder}/none/audit.jsonl`] })).rejects.toThrow(
      expect.objectContaining({ name: 'ConfigError' }),
    );
  });
});
