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
    expect(await send('/v1/sys/op', [put])).toMatchObject({ status: 409, body: { code: 'conflict' } });
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
