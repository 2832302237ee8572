import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseSvid, readAuthority } from '@letterlock/core';
import { liveBinding, podOf, reviewedPod, type FakeBindings, type FakeWitness } from '@letterlock/core/testing';
import {
  importSealingKey,
  importVerifyingKey,
  openBindingKey,
  openBundle,
  readCertificate,
  sealEnvelope,
} from '@letterlock/crypto';
import { bindingKeyResponse, bundleResponse, decodeBase64url, enrolResponse, readClaims } from '@letterlock/protocol';
import type { KubernetesServices } from './kubernetes-ports.ts';
import { fakeWorkloads } from './testing/fake-workloads.ts';
import {
  apply,
  createIdentity,
  nowSeconds,
  startTestServer,
  type TestIdentity,
  type TestServer,
} from './testing/test-server.ts';
import type { TestClient } from './testing/test-client.ts';

const writeToken = 'the writer token';
const writerPodFacts = {
  ...reviewedPod,
  namespace: 'ci',
  serviceAccount: 'deployer',
  podName: 'deploy-1',
  podUid: '1f4a1c7e-2b39-4c52-9c0e-5a1f7d3e8b61',
};

let witness: FakeWitness;
let bindings: FakeBindings;
let trustDomain: string;
let enrolToken: string;
let services: KubernetesServices | undefined;
let server: TestServer;
let client: TestClient;

async function until(isThere: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !isThere();) {
    if (Date.now() > end) throw new Error('Waited for too long');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

beforeEach(async () => {
  services = undefined;
  const fake = fakeWorkloads({ unsealed: (now) => (services = now) });
  ({ witness, bindings, trustDomain, token: enrolToken } = fake);
  witness.tokens.set(writeToken, { facts: writerPodFacts, audience: `letterlock-write:${trustDomain}` });
  const { namespace, podName: name, podUid: uid, serviceAccount: serviceAccountName } = writerPodFacts;
  witness.pods.set('ci/deploy-1', podOf({ metadata: { namespace, name, uid }, spec: { serviceAccountName } }));
  server = await startTestServer(fake.flags, { workloadPorts: fake.ports });
  await until(() => services !== undefined);
  client = await server.connect();
});
afterEach(async () => {
  client.close();
  await server.close();
});

const enrol = (who: TestIdentity, token = enrolToken) =>
  client.prove(who.sig, { method: 'POST', path: '/v1/workload/enrol', body: { keyset: who.keyset, token } });

describe('POST /v1/workload/enrol', () => {
  test('gives the agent a certificate that the bundle vouches for', async () => {
    const agent = createIdentity();
    const { status, body } = await enrol(agent);
    expect({ status, body: status === 200 ? '' : body }).toEqual({ status: 200, body: '' });
    const { chain, bundle, sik } = readClaims(enrolResponse, body);
    expect(importVerifyingKey(sik).thumbprint).toBe(server.fingerprint);
    const { certs } = openBundle(bundle, importVerifyingKey(sik), { nowSeconds: nowSeconds(), leastSeq: 1 });
    const authorities = certs.map((der) => readAuthority(decodeBase64url(der), trustDomain));
    const svid = parseSvid(decodeBase64url(chain[0]!), { trustDomain, authorities, nowSeconds: nowSeconds() });
    expect(svid).toMatchObject({
      identity: { ns: 'shop', sa: 'orders', pod: reviewedPod.podUid },
      key: { thumbprint: agent.id },
    });
  });

  test.each([
    { name: 'a token that is not genuine', token: 'x', status: 403, code: 'denied' },
    { name: 'the writer’s token', token: writeToken, status: 403, code: 'denied' },
  ])('refuses $name', async ({ token, status, code }) => {
    const answer = await enrol(createIdentity(), token);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ code });
  });

  test('refuses a proof that is not bound to the connection by its exporter', async () => {
    const agent = createIdentity();
    const { status, body } = await client.prove(agent.sig, {
      method: 'POST',
      path: '/v1/workload/enrol',
      body: { keyset: agent.keyset, token: enrolToken },
      proof: { channelBinding: undefined as never },
    });
    expect(status).toBe(401);
    expect(JSON.parse(body)).toMatchObject({ code: 'channel_required' });
  });

  test('refuses the keyset of another', async () => {
    const [agent, thief] = [createIdentity(), createIdentity()];
    const request = { method: 'POST', path: '/v1/workload/enrol', body: { keyset: agent.keyset, token: enrolToken } };
    expect((await client.prove(thief.sig, request)).status).toBe(401);
  });

  test('asks a second key to come again', async () => {
    await enrol(createIdentity());
    const { status, body } = await enrol(createIdentity());
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ code: 'unavailable' });
  });

  test('is not there outside Kubernetes', async () => {
    const plain = await startTestServer();
    const other = await plain.connect();
    const agent = createIdentity();
    const request = { method: 'POST', path: '/v1/workload/enrol', body: { keyset: agent.keyset, token: 'x' } };
    expect((await other.prove(agent.sig, request)).status).toBe(404);
    expect((await other.send({ method: 'GET', path: '/v1/bundle' })).status).toBe(404);
    expect((await other.send({ method: 'GET', path: '/v1/bindings/shop/orders-db/key' })).status).toBe(404);
    other.close();
    await plain.close();
  });
});

describe('GET /v1/bundle', () => {
  test('gives the bundle to everybody', async () => {
    const { status, body } = await client.send({ method: 'GET', path: '/v1/bundle' });
    expect(status).toBe(200);
    expect(readClaims(bundleResponse, body).bundle).toBe(services!.authorities.bundle());
  });

  test('is sealed with the service, which then serves its first certificate again', async () => {
    const first = readCertificate(
      server.certificate.split('-----END CERTIFICATE-----')[0]! + '-----END CERTIFICATE-----\n',
    );
    expect(first.certificate.issuer).toContain('Letterlock workloads');
    await apply(server, client, { op: 'seal', args: {} });
    await until(() => services === undefined);
    expect((await client.send({ method: 'GET', path: '/v1/bundle' })).status).toBe(503);
    expect(readCertificate(server.certificate).certificate.issuer).toBe('CN=Letterlock');
  });
});

test('agents know the server by the Service’s name and the own authority', async () => {
  const fresh = await server.connect();
  const served = fresh.connection.socket.getPeerX509Certificate()!;
  fresh.close();
  expect(served.checkHost('letterlock.letterlock-system.svc')).toBe('letterlock.letterlock-system.svc');
  expect(served.verify(services!.authorities.trusted[0]!.read.certificate.publicKey)).toBe(true);
});

describe('writing for a binding without an agent', () => {
  const path = 'k8s/shop/orders-db/db';

  async function envelopeBy(writer: TestIdentity, ver = 1) {
    await services!.bindingKeys.ensure('shop', 'orders-db');
    const { body } = await client.send({ method: 'GET', path: '/v1/bindings/shop/orders-db/key' });
    const instanceKey = services!.instanceKey;
    const expected = { nowSeconds: nowSeconds(), bnd: 'shop/orders-db' };
    const { key } = openBindingKey(readClaims(bindingKeyResponse, body).bk, importVerifyingKey(instanceKey), expected);
    const { envelope } = await sealEnvelope({
      header: {
        kind: 'kv',
        mode: 'svc',
        path,
        ver,
        iat: nowSeconds(),
        rcp: [`spiffe://${trustDomain}/ns/shop/sa/orders`],
        bnd: 'shop/orders-db',
      },
      content: Buffer.from('content'),
      recipients: [importSealingKey({ ...key.jwk })],
      writer: writer.sig,
    });
    return envelope;
  }
  const write = async (writer: TestIdentity) =>
    client.prove(writer.sig, { method: 'POST', path: '/v1/secrets/write', body: await envelopeBy(writer) });
  const registerToken = (writer: TestIdentity, token = writeToken) =>
    client.prove(writer.sig, { method: 'POST', path: '/v1/workload/token', body: { keyset: writer.keyset, token } });
  const listWriter = (factor: 'Sidecar' | 'Token'): void =>
    bindings.put(
      liveBinding({
        writers: { serviceAccounts: [{ namespace: 'ci', name: 'deployer', secrets: ['db'], factor }], identities: [] },
      }),
    );

  test('is for who is listed with factor Token, by a key that its token has registered', async () => {
    listWriter('Token');
    const writer = createIdentity();
    const { status, body } = await registerToken(writer);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ id: writer.id });
    expect((await write(writer)).status).toBe(201);
  });

  test('is refused to who is listed with factor Sidecar', async () => {
    listWriter('Sidecar');
    const writer = createIdentity();
    await registerToken(writer);
    const { status, body } = await write(writer);
    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({ code: 'denied' });
  });

  test.each([
    { name: 'with the token of enrolments', token: 'the enrolment token', status: 403 },
    { name: 'with no token', token: 'x', status: 403 },
  ])('registers nobody $name', async ({ token, status }) => {
    listWriter('Token');
    const writer = createIdentity();
    expect((await registerToken(writer, token)).status).toBe(status);
    expect((await write(writer)).status).toBe(401);
  });

  test('registers nobody whose pod is gone', async () => {
    witness.pods.delete('ci/deploy-1');
    expect((await registerToken(createIdentity())).status).toBe(403);
  });

  test('a bare token writes nothing', async () => {
    listWriter('Token');
    const writer = createIdentity();
    const { status } = await client.prove(writer.sig, {
      method: 'POST',
      path: '/v1/secrets/write',
      body: await envelopeBy(writer),
      headers: { 'Letterlock-Writer-Token': writeToken },
    });
    expect(status).toBe(401);
  });

  test('an identity that the binding lists registers by that, and writes there and nowhere else', async () => {
    const [writer, stranger] = [createIdentity(), createIdentity()];
    bindings.put(
      liveBinding({
        writers: { serviceAccounts: [], identities: [{ thumbprint: writer.id, secrets: ['*'] }] },
      }),
    );
    const evidence = { t: 'binding', ns: 'shop', name: 'orders-db' };
    const register = (who: TestIdentity, change: object = {}) =>
      client.prove(who.sig, {
        method: 'POST',
        path: '/v1/identities',
        body: { keyset: who.keyset, evidence: { ...evidence, ...change } },
      });
    expect((await register(stranger)).status).toBe(403);
    expect((await register(writer, { name: 'other' })).status).toBe(403);
    expect((await register(writer)).status).toBe(201);
    expect((await write(writer)).status).toBe(201);
    bindings.put(liveBinding());
    const again = await client.prove(writer.sig, {
      method: 'POST',
      path: '/v1/secrets/write',
      body: await envelopeBy(writer, 2),
    });
    expect(again.status).toBe(403);
  });

  test('nothing is written while the watch is down', async () => {
    listWriter('Token');
    const writer = createIdentity();
    await registerToken(writer);
    bindings.isStale = true;
    const { status, body } = await write(writer);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ code: 'unavailable' });
  });
});
