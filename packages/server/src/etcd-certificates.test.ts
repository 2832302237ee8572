import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { etcdSecrets, fillEtcdSecrets, makeEtcdCertificates } from './etcd-certificates.ts';
import type { ApiClient, ApiRequest } from './kube/api-client.ts';

const nowSeconds = 1_800_000_000;
const hosts = ['localhost', 'letterlock-etcd-0.letterlock-etcd.ns.svc'];

/** Two Secrets; a change of one needs its version. */
function fakeApi(data: Readonly<Record<string, object | undefined>> = {}): {
  readonly api: ApiClient;
  readonly changes: ApiRequest[];
} {
  const changes: ApiRequest[] = [];
  return {
    changes,
    api: {
      async ask(request) {
        const name = request.path.split('/').at(-1)!;
        if (request.method === 'PATCH') changes.push(request);
        return { metadata: { resourceVersion: `v-${name}` }, data: data[name] };
      },
      follow: () => {
        throw new TypeError('Cannot follow: nothing is watched here');
      },
    },
  };
}

describe('makeEtcdCertificates()', () => {
  const { member, client } = makeEtcdCertificates(hosts, nowSeconds);
  const count = (pem: string | undefined): number => pem?.match(/BEGIN CERTIFICATE/g)?.length ?? 0;

  test('names each host of the members', () => {
    const certificate = new X509Certificate(member['tls.crt']!);
    for (const host of hosts) expect(certificate.checkHost(host)).toBe(host);
    expect(certificate.checkHost('letterlock-etcd-1.letterlock-etcd.ns.svc')).toBeUndefined();
  });

  test('lets nobody sign a third one', () => {
    expect(new X509Certificate(member['tls.crt']!).ca).toBe(false);
    expect(new X509Certificate(client['tls.crt']!).ca).toBe(false);
  });

  test('lets members believe the client, but not as a member', () => {
    expect(member['ca.crt']).toContain(client['tls.crt']!);
    expect([count(member['ca.crt']), count(member['peer-ca.crt']), count(client['ca.crt'])]).toEqual([2, 1, 1]);
    expect(member['peer-ca.crt']).toBe(member['tls.crt']);
    expect(client['ca.crt']).toBe(member['tls.crt']);
  });

  test('keeps each private key in its own Secret', () => {
    expect(member['tls.key']).not.toBe(client['tls.key']);
    expect(Object.values(client).filter((file) => file.includes('PRIVATE KEY'))).toHaveLength(1);
    expect(Object.values(member).filter((file) => file.includes('PRIVATE KEY'))).toHaveLength(1);
  });
});

describe('fillEtcdSecrets()', () => {
  const fill = (api: ApiClient): Promise<boolean> => fillEtcdSecrets({ api, namespace: 'ns', hosts, nowSeconds });

  test("fills both, the members' last, and only as they were read", async () => {
    const { api, changes } = fakeApi();
    expect(await fill(api)).toBe(true);
    const names = changes.map(({ path }) => path.split('/').at(-1));
    expect(names).toEqual([etcdSecrets.client, etcdSecrets.member]);
    expect(changes.map(({ body }) => body)).toEqual(
      names.map((name) => expect.objectContaining({ metadata: { resourceVersion: `v-${name}` } })),
    );
  });

  test('begins again when it was interrupted between the two', async () => {
    const { api, changes } = fakeApi({ [etcdSecrets.client]: { 'tls.key': 'x' } });
    expect(await fill(api)).toBe(true);
    expect(changes).toHaveLength(2);
  });

  test('leaves certificates alone that members may use', async () => {
    const { api, changes } = fakeApi({ [etcdSecrets.member]: { 'tls.key': 'x' } });
    expect(await fill(api)).toBe(false);
    expect(changes).toEqual([]);
  });
});
