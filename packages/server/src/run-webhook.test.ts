import { X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ApiError } from './kube/api-error.ts';
import { pathOf } from './kube/api-client.ts';
import { FakeApi } from './kube/testing/fake-api.ts';
import { RawConnection } from './testing/raw-connection.ts';
import { startTestServer, type TestServer } from './testing/test-server.ts';

const flags = {
  kubernetes: 'in-cluster',
  'listen-webhook': '127.0.0.1:0',
  'kubernetes-agent-image': 'agent:1',
  'kubernetes-pod': 'letterlock-server-0',
};
const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const secretPlace = {
  apiVersion: 'v1',
  resource: 'secrets',
  namespace: 'letterlock-system',
  name: 'letterlock-webhook-tls',
};
const open: TestServer[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function start(api: FakeApi, isInitialised = true): Promise<TestServer> {
  const server = await startTestServer(flags, { kubernetesApi: api, waitsForInitialisation: !isInitialised });
  open.push(server);
  return server;
}

async function makeConfiguration(api: FakeApi): Promise<void> {
  const webhooks = ['namespace', 'pod'].map((name) => ({
    name: `${name}.injector.letterlock.dev`,
    clientConfig: { service: { name: 'x' } },
  }));
  await api.ask({
    method: 'POST',
    path: configurations,
    body: { metadata: { name: 'letterlock-injector' }, webhooks },
  });
}

async function bundleOf(api: FakeApi): Promise<readonly (string | undefined)[]> {
  const found = (await api.ask({ method: 'GET', path: `${configurations}/letterlock-injector` })) as {
    readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
  };
  return found.webhooks.map(({ clientConfig }) => clientConfig.caBundle);
}

async function until<T>(read: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error('It did not become so');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const review = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'f0f0f0f0-0000-4000-8000-000000000000',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    namespace: 'shop',
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'orders', annotations: { 'letterlock.dev/inject': 'true' } },
      spec: { containers: [{ name: 'app', image: 'app:1' }] },
    },
  },
});

async function askReview(
  port: number,
  ca: string,
): Promise<{ readonly allowed: boolean; readonly status?: { readonly message: string } }> {
  const connection = await RawConnection.open(port, {
    ca,
    servername: 'letterlock-webhook.letterlock-system.svc',
    rejectUnauthorized: true,
  });
  connection.send(
    `POST /v1/admission/pod?timeout=5s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(review)}\r\n\r\n${review}`,
  );
  const { body } = await connection.receive();
  connection.socket.destroy();
  return (JSON.parse(body) as { readonly response: { readonly allowed: boolean } }).response;
}

describe('the webhook of a server', () => {
  test('is trusted by what is written into its configuration, and answers while the service is sealed', async () => {
    const api = new FakeApi();
    await makeConfiguration(api);
    const server = await start(api);
    const bundles = await until(async () => {
      const found = await bundleOf(api);
      return found.every((each) => each !== undefined) ? found : undefined;
    });
    expect(new Set(bundles).size).toBe(1);
    const port = await until(() => server.webhookPort);
    const ca = Buffer.from(bundles[0]!, 'base64').toString();
    expect(await askReview(port, ca)).toMatchObject({ allowed: true });
  });

  test('says that the service was never initialised', async () => {
    const api = new FakeApi();
    await makeConfiguration(api);
    const server = await start(api, false);
    const port = await until(() => server.webhookPort);
    const [bundle] = await until(async () => {
      const found = await bundleOf(api);
      return found[0] === undefined ? undefined : found;
    });
    const answer = await askReview(port, Buffer.from(bundle!, 'base64').toString());
    expect(answer.allowed).toBe(false);
    expect(answer.status?.message).toContain('initialised');
  });

  test('two replicas share one authority', async () => {
    const api = new FakeApi();
    await makeConfiguration(api);
    const servers = await Promise.all([start(api), start(api)]);
    const ports = await Promise.all(servers.map((server) => until(() => server.webhookPort)));
    const [bundle] = await until(async () => {
      const found = await bundleOf(api);
      return found[0] === undefined ? undefined : found;
    });
    const ca = Buffer.from(bundle!, 'base64').toString();
    for (const port of ports) expect(await askReview(port, ca)).toMatchObject({ allowed: true });
  });

  test('serves as soon as the API server answers', async () => {
    const api = new FakeApi();
    await makeConfiguration(api);
    api.failure = new ApiError(0, 'ECONNREFUSED');
    const server = await start(api);
    await until(() => (server.logged.some((line) => line.includes('could not be renewed')) ? true : undefined));
    expect(server.webhookPort).toBeUndefined();
    api.failure = undefined;
    expect(await until(() => server.webhookPort)).toBeGreaterThan(0);
  });

  test('replaces a Secret that cannot be read, and keeps one that can', async () => {
    const api = new FakeApi();
    await makeConfiguration(api);
    const { name: _, ...collection } = secretPlace;
    const body = {
      metadata: { name: secretPlace.name },
      data: { 'authority-0.crt': 'AAAA', 'authority-0.key': 'AAAA' },
    };
    await api.ask({ method: 'POST', path: pathOf(collection), body });
    const one = await start(api);
    await until(() => one.webhookPort);
    const first = (await api.ask({ method: 'GET', path: pathOf(secretPlace) })) as {
      readonly data: Record<string, string>;
    };
    expect(new X509Certificate(Buffer.from(first.data['authority-0.crt']!, 'base64')).ca).toBe(true);
    const again = await start(api);
    await until(() => again.webhookPort);
    expect(await api.ask({ method: 'GET', path: pathOf(secretPlace) })).toEqual(first);
  });

  test('writes nothing of the key into the log', async () => {
    const api = new FakeApi();
    await makeConfiguration(api);
    const server = await start(api);
    await until(() => server.webhookPort);
    const { data } = (await api.ask({ method: 'GET', path: pathOf(secretPlace) })) as {
      readonly data: Record<string, string>;
    };
    expect(server.logged.join('')).not.toContain(data['authority-0.key']!.slice(0, 40));
  });
});
