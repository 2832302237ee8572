import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomIdentifier, signOperation } from '@letterlock/crypto';
import type { ProblemDocument } from '@letterlock/protocol';
import type { TestClient } from '../testing/test-client.ts';
import {
  createAdmin,
  createIdentity,
  nowSeconds,
  signedBy,
  startTestServer,
  unsealStatusOf,
  type TestServer,
} from '../testing/test-server.ts';

const { id } = createIdentity();
/** Keys of the store: what a request wrote down is new among them. */
const recordsOf = (server: TestServer): readonly string[] => [...server.store.dump()].map(({ key }) => key).toSorted();
const grant = { path: 'team-a', verbs: ['wrap'], who: id } as const;

describe('signed operations', () => {
  let server: TestServer;
  let client: TestClient;
  let inst: string;
  beforeAll(async () => {
    server = await startTestServer();
    client = await server.connect();
    ({ inst } = await unsealStatusOf(server, server.admins[0]!));
  });
  afterAll(async () => {
    client.close();
    await server.close();
  });

  const send = async (path: string, ops: readonly string[]): Promise<{ status: number; body: ProblemDocument }> => {
    const { status, body } = await client.send({ method: 'POST', path, body: { ops } });
    return { status, body: JSON.parse(body) as ProblemDocument };
  };
  const sign = (body: Parameters<typeof signedBy>[2]): Promise<string> => signedBy(server.admins[1]!, server, body);
  const listed = async (): Promise<unknown> =>
    JSON.parse((await client.prove(server.admins[0]!.sig, { method: 'GET', path: '/v1/grants' })).body);

  test('give and take a grant, each signature once', async () => {
    const put = await sign({ op: 'grant.put', args: grant });
    expect(await send('/v1/sys/op', [put])).toEqual({ status: 200, body: {} });
    expect(await listed()).toEqual({ grants: [grant] });
    const taken = await sign({ op: 'grant.delete', args: { path: grant.path, who: id } });
    expect((await send('/v1/sys/op', [taken])).status).toBe(200);
    expect(await listed()).toEqual({ grants: [] });
    const before = recordsOf(server);
    expect(await send('/v1/sys/op', [put])).toEqual({ status: 200, body: {} });
    expect(recordsOf(server)).toEqual(before);
    expect(await listed()).toEqual({ grants: [] });
  });

  test.each([
    { name: 'a stranger', signer: () => createAdmin('stranger'), inst: () => inst, exp: 600 },
    { name: 'an admin for another instance', signer: () => server.admins[0]!, inst: randomIdentifier, exp: 600 },
    { name: 'an admin, too late', signer: () => server.admins[0]!, inst: () => inst, exp: -1 },
    { name: 'an admin, for more than a week', signer: () => server.admins[0]!, inst: () => inst, exp: 8 * 86_400 },
  ])('are refused when signed by $name', async ({ signer, inst: instance, exp }) => {
    const jws = signOperation(signer().sig, {
      op: 'grant.put',
      args: grant,
      exp: nowSeconds() + exp,
      inst: instance(),
      nonce: randomIdentifier(),
    });
    expect(await send('/v1/sys/op', [jws])).toMatchObject({ status: 401, body: { code: 'bad_proof' } });
    expect(await listed()).toEqual({ grants: [] });
  });

  test('are refused on the route of the others', async () => {
    const seal = await sign({ op: 'seal', args: {} });
    expect(await send('/v1/sys/op', [seal])).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    const put = await sign({ op: 'grant.put', args: grant });
    expect(await send('/v1/sys/seal', [put])).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    expect(await listed()).toEqual({ grants: [] });
    expect(JSON.parse((await client.send({ method: 'GET', path: '/v1/sys/state' })).body)).toMatchObject({
      state: 'unsealed',
    });
  });

  test('do not initialise what is initialised', async () => {
    const admin = server.admins[0]!;
    const { boot } = await unsealStatusOf(server, admin);
    const certificates = server.admins.map(({ pem }) =>
      Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64').toString('base64url'),
    );
    const jws = signOperation(admin.sig, {
      op: 'init',
      args: { admins: certificates, boot, k: 1 },
      exp: nowSeconds() + 600,
      nonce: randomIdentifier(),
    });
    const { status, body } = await client.send({ method: 'POST', path: '/v1/sys/init', body: { jws } });
    expect({ status, body: JSON.parse(body) }).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });

  test('acknowledge a share only as the one who holds it', async () => {
    const ack = await sign({ op: 'share.ack', args: { ack: id } });
    expect(await send('/v1/sys/op', [ack])).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });
});

describe('an operation that is sent again', () => {
  let server: TestServer;
  let client: TestClient;
  beforeAll(async () => {
    server = await startTestServer();
    client = await server.connect();
  });
  afterAll(async () => {
    client.close();
    await server.close();
  });

  const send = async (path: string, ops: readonly string[]): Promise<{ status: number; body: ProblemDocument }> => {
    const { status, body } = await client.send({ method: 'POST', path, body: { ops } });
    return { status, body: JSON.parse(body) as ProblemDocument };
  };
  const sign = (body: Parameters<typeof signedBy>[2]): Promise<string> => signedBy(server.admins[1]!, server, body);
  const listed = async (): Promise<unknown> =>
    JSON.parse((await client.prove(server.admins[0]!.sig, { method: 'GET', path: '/v1/grants' })).body);

  test.each([
    { op: 'identity.put', args: { id } },
    { op: 'identity.revoke', args: { id } },
    { op: 'grant.put', args: grant },
    { op: 'grant.delete', args: { path: grant.path, who: id } },
  ] as const)('is answered again, and changes nothing then: $op', async (body) => {
    const jws = await sign(body);
    expect(await send('/v1/sys/op', [jws])).toEqual({ status: 200, body: {} });
    const before = recordsOf(server);
    expect(await send('/v1/sys/op', [jws])).toEqual({ status: 200, body: {} });
    expect(recordsOf(server)).toEqual(before);
  });

  test('at once and again at once, one is applied and both are answered', async () => {
    const before = recordsOf(server).length;
    const jws = await sign({ op: 'grant.put', args: { ...grant, path: 'team-b' } });
    const answers = await Promise.all([send('/v1/sys/op', [jws]), send('/v1/sys/op', [jws])]);
    expect(answers).toEqual([
      { status: 200, body: {} },
      { status: 200, body: {} },
    ]);
    expect(await listed()).toEqual({ grants: [{ ...grant, path: 'team-b' }] });
    // The operation with its audit record and its news, and the audit record of the list.
    expect(recordsOf(server).length - before).toBeLessThanOrEqual(5);
  });

  test('is refused when another admin sends what was applied for one', async () => {
    const { inst } = await unsealStatusOf(server, server.admins[0]!);
    const claims = { op: 'grant.put', args: grant, exp: nowSeconds() + 600, inst, nonce: randomIdentifier() } as const;
    const [first, second] = server.admins.map(({ sig }) => signOperation(sig, claims));
    expect((await send('/v1/sys/op', [first!])).status).toBe(200);
    expect(await send('/v1/sys/op', [second!])).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });
});
