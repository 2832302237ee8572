/** Replicas in Kubernetes on one etcd, attested by the API server: who is unsealed by another one, and who is told why not. @module */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { serverImage, serverNamespace, serverPod, type ServerPodObject } from '@letterlock/core/testing';
import {
  bootFingerprint,
  certificatePem,
  createSelfSignedCertificate,
  generateOpeningKey,
  generateSigningKey,
  publicOfOpening,
  randomIdentifier,
  readCertificate,
  signOperation,
} from '@letterlock/crypto';
import { encodeBase64url } from '@letterlock/protocol';
import { buildMilliseconds, EtcdServer, freePort } from './etcd/testing/etcd-server.ts';
import { createPeerClient } from './grpc/peer-client.ts';
import { etcdSettings, type EtcdSettings } from './testing/etcd-settings.ts';
import { serverPodsApi, type ServerPodsApi } from './testing/server-pods-api.ts';
import {
  apply,
  createAdmin,
  nowSeconds,
  startTestServer,
  unsealStatusOf,
  type TestServer,
} from './testing/test-server.ts';

jest.setTimeout(60_000);

const admins = ['alice', 'bob'].map((name) => createAdmin(name));
const unlisted = `sha256:${'6f'.repeat(32)}`;
let etcd: EtcdServer;
let settings: EtcdSettings;
let cluster: ServerPodsApi;
let ports: readonly number[];
const running = new Map<number, TestServer>();

beforeAll(async () => {
  etcd = await EtcdServer.start({ isDurable: false });
  settings = etcdSettings([etcd]);
  cluster = serverPodsApi(...[0, 1, 2].map((ordinal) => serverPod(ordinal)));
  ports = [await freePort(), await freePort(), await freePort()];
  await initialise(await start(0));
}, buildMilliseconds);
afterAll(async () => {
  for (const replica of running.values()) await replica.close();
  settings[Symbol.dispose]();
  await etcd.close();
});

async function start(ordinal: number): Promise<TestServer> {
  const flags = {
    ...settings.flags,
    'init-certificates': admins.map(({ pem }) => pem),
    'listen-grpc': `127.0.0.1:${ports[ordinal]}`,
    peers: ports.map((port) => `localhost:${port}`),
    kubernetes: 'in-cluster',
    'kubernetes-namespace': serverNamespace,
    'kubernetes-pod': `letterlock-server-${ordinal}`,
    'attest-kubernetes-container': 'server',
    'attest-kubernetes-images': [serverImage],
  };
  const server = await startTestServer(flags, { kubernetesApi: cluster.api });
  running.set(ordinal, server);
  return server;
}

async function initialise(server: TestServer): Promise<void> {
  const args = {
    admins: admins.map(({ pem }) => encodeBase64url(readCertificate(pem).der)),
    boot: server.bootFingerprint,
    k: 1,
  };
  const claims = { args, exp: nowSeconds() + 600, nonce: randomIdentifier(), op: 'init' } as const;
  const client = await server.connect();
  const body = { jws: signOperation(admins[0]!.sig, claims) };
  const answer = await client.send({ method: 'POST', path: '/v1/sys/init', body });
  client.close();
  if (answer.status !== 200) throw new Error(`Cannot initialise: ${answer.body}`);
}

async function reasonsOf({ healthOrigin }: TestServer): Promise<readonly string[]> {
  const answer = (await (await fetch(`${healthOrigin}/readyz`)).json()) as { readonly reasons?: readonly string[] };
  return answer.reasons ?? [];
}

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`It did not become so: ${what}`);
    await pause(50);
  }
}

const withImage = (pod: ServerPodObject, image: string): ServerPodObject => {
  const containerStatuses = pod.status.containerStatuses.map((each) => ({ ...each, imageID: `x@${image}` }));
  return { ...pod, status: { ...pod.status, containerStatuses } };
};

const eventsOf = (name: string): readonly unknown[] =>
  cluster.api.requests
    .filter(({ path, method }) => method === 'POST' && path.endsWith('/events'))
    .map(({ body }) => body as { readonly involvedObject: { readonly name: string } })
    .filter(({ involvedObject }) => involvedObject.name === name);

/** Each test goes on where the one before ended. */
describe('replicas in Kubernetes', () => {
  test('an admin is shown a token about the very boot keys of the process', async () => {
    const [server] = [running.get(0)!];
    const { token, boot } = await unsealStatusOf(server, admins[0]!);
    expect(cluster.witness.tokens.get(token!)).toMatchObject({
      audience: `letterlock-boot:test.example:${boot}`,
      facts: { podName: 'letterlock-server-0', podUid: serverPod(0).metadata.uid },
    });
  });

  test('one with a listed image comes up unsealed', async () => {
    const server = await start(1);
    await until('it is unsealed', async () => (await reasonsOf(server)).length === 0);
    expect(server.logged.join('\n')).toContain('Unsealed by a peer');
  });

  test('who has stolen the API token of one that admins have unsealed is given nothing in its name', async () => {
    const first = running.get(0)!;
    await until('it has written down its start', () => first.logged.join('\n').includes('Wrote down the own start'));
    const key = generateSigningKey();
    const enc = generateOpeningKey();
    const boot = bootFingerprint(key.thumbprint, publicOfOpening(enc).thumbprint);
    const { namespace, name, uid } = serverPod(0).metadata;
    const own = { namespace, name, uid, serviceAccount: 'letterlock-server' };
    const token = cluster.witness.issue(own, `letterlock-boot:test.example:${boot}`);
    const der = createSelfSignedCertificate({
      key,
      commonName: 'thief',
      notBeforeSeconds: nowSeconds() - 60,
      notAfterSeconds: nowSeconds() + 600,
    });
    const pem = key.keyObject.export({ format: 'pem', type: 'pkcs8' });
    const address = `localhost:${ports[0]}`;
    const ask = createPeerClient({ address, certificate: certificatePem(der), key: pem });
    const refused = ask({ benc: { ...publicOfOpening(enc).jwk }, token });
    await expect(refused).rejects.toMatchObject({ code: 'denied' });
    expect(first.logged.join('\n')).toContain('peer_start_granted');
  });

  test('one with another image stays sealed, and its log, its probe and an event at its pod say why', async () => {
    cluster.put(withImage(serverPod(2), unlisted));
    const server = await start(2);
    await until('it says why', async () => (await reasonsOf(server)).includes('image_not_listed'));
    expect(await reasonsOf(server)).toEqual(['sealed', 'image_not_listed']);
    expect(server.logged.join('\n')).toContain('The image of this replica is not listed');
    const [event] = eventsOf('letterlock-server-2');
    expect(event).toMatchObject({
      type: 'Warning',
      reason: 'ImageNotListed',
      message: expect.stringContaining(unlisted),
      involvedObject: { kind: 'Pod', namespace: serverNamespace, uid: serverPod(2).metadata.uid },
    });
    expect(eventsOf('letterlock-server-1')).toEqual([]);
    expect(await reasonsOf(running.get(0)!)).toEqual([]);
  });

  test('and is unsealed once the admins have listed it, without a restart', async () => {
    const first = running.get(0)!;
    const client = await first.connect();
    const images = [serverImage, unlisted];
    expect(await apply(first, client, { op: 'images.set', args: { images } }, admins[1])).toMatchObject({
      status: 200,
    });
    client.close();
    await until('it is unsealed', async () => (await reasonsOf(running.get(2)!)).length === 0);
  });

  test('a pod of another StatefulSet is none of them', async () => {
    const pod = serverPod(2);
    const [owner] = pod.metadata.ownerReferences;
    const uid = '0b9d8f3e-61c2-4d0e-9a55-2f6f0c7b1a99';
    cluster.put({ ...pod, metadata: { ...pod.metadata, ownerReferences: [{ ...owner!, uid }] } });
    await running.get(2)!.close();
    const server = await start(2);
    await until('it was refused', () => server.logged.join('\n').includes('"code":"denied"'));
    expect(await reasonsOf(server)).toEqual(['sealed']);
    expect(running.get(0)!.logged.join('\n')).toContain('attestation_owner');
  });
});
