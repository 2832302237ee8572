/** An operation whose answer was lost, at the real service: the SDK sends it again, and it counts once. @module */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIdentity } from './identity.ts';
import { startTestServer, type TestServer } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'letterlock-lost-answer-'));
const auditFile = join(folder, 'audit.jsonl');
let server: TestServer;
let proxy: Server;
/** The next bytes of the server end the connection instead of reaching the client. */
let losesNext = false;
let lost = 0;

beforeAll(async () => {
  server = await startTestServer({ flags: { 'audit-sinks': [`file:${auditFile}`] } });
  const { port } = new URL(server.address);
  proxy = createServer((client) => {
    const upstream = connect(Number(port), '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream] satisfies Socket[]) socket.on('error', end).on('close', end);
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (losesNext) {
        losesNext = false;
        lost += 1;
        end();
      } else client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
});
afterAll(async () => {
  await server.close();
  proxy.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('an operation', () => {
  test('whose answer was lost is sent again, and applied once', async () => {
    const who = createIdentity().id;
    const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const admin = server.client(server.admin, { address: { origin: server.address, addresses: [address] } });
    // There is a connection with a nonce from here on, so what comes next over it is the answer.
    expect(await admin.grants()).toEqual([]);
    losesNext = true;

    const outcome = await admin.operate('grant.put', { who, verbs: ['wrap'], path: 'team-a' });

    expect(lost).toBe(1);
    expect(outcome).toEqual({ isDone: true });
    expect(await admin.grants()).toEqual([{ who, verbs: ['wrap'], path: 'team-a' }]);
    await server.close();
    const acts = readFileSync(auditFile, 'utf8').match(/"act":"grant\.put"/g);
    expect(acts).toHaveLength(1);
  });
});
