/**
 * Certificates of the bundled etcd, made once inside the cluster: one for its members, one for the service.
 * It must never make a new one where members may already use another, nor let a private key out of the Secret it is for.
 * @module
 */
import { certificatePem, createSelfSignedCertificate, generateSigningKey } from '@letterlock/crypto';
import { contentTypes, type ApiClient } from './kube/api-client.ts';

/** Names of the Secrets, which the chart makes empty. */
export const etcdSecrets = { member: 'letterlock-etcd-member', client: 'letterlock-etcd-client' } as const;

/** There is no authority that could renew them: docs/adr/0012. */
const lifeSeconds = 10 * 365 * 86_400;
const backdatedSeconds = 300;

/** What a Secret holds, as text. */
export type SecretFiles = Readonly<Record<string, string>>;

/** Two pairs that trust each other and nobody else. Each certificate is its own authority, so none can sign a third. */
export function makeEtcdCertificates(
  hosts: readonly string[],
  nowSeconds: number,
): { readonly member: SecretFiles; readonly client: SecretFiles } {
  const member = makePair('Letterlock etcd', hosts, nowSeconds);
  const client = makePair('Letterlock', [], nowSeconds);
  return {
    member: {
      'ca.crt': `${client.certificate}${member.certificate}`,
      // A client may not act as a member.
      'peer-ca.crt': member.certificate,
      'tls.crt': member.certificate,
      'tls.key': member.key,
    },
    client: { 'ca.crt': member.certificate, 'tls.crt': client.certificate, 'tls.key': client.key },
  };
}

/** Fills both Secrets, unless the members' one is filled. @returns whether it did. @throws ApiError */
export async function fillEtcdSecrets(o: {
  readonly api: ApiClient;
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly nowSeconds: number;
}): Promise<boolean> {
  const { api } = o;
  const pathOf = (name: string): string => `/api/v1/namespaces/${encodeURIComponent(o.namespace)}/secrets/${name}`;
  const read = async (name: string): Promise<Secret> =>
    (await api.ask({ method: 'GET', path: pathOf(name) })) as Secret;
  const [memberSecret, clientSecret] = [await read(etcdSecrets.member), await read(etcdSecrets.client)];
  if (memberSecret.data?.['tls.key'] !== undefined) return false;
  const { member, client } = makeEtcdCertificates(o.hosts, o.nowSeconds);
  const write = async (name: string, before: Secret, files: SecretFiles): Promise<void> => {
    await api.ask({
      method: 'PATCH',
      path: pathOf(name),
      contentType: contentTypes.merge,
      // Refused when somebody else was faster.
      body: { metadata: { resourceVersion: before.metadata.resourceVersion }, stringData: files },
    });
  };
  // The members' last: while it is empty no member has started, and all may begin again.
  await write(etcdSecrets.client, clientSecret, client);
  await write(etcdSecrets.member, memberSecret, member);
  return true;
}

interface Secret {
  readonly metadata: { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

function makePair(
  commonName: string,
  hosts: readonly string[],
  nowSeconds: number,
): { readonly key: string; readonly certificate: string } {
  const key = generateSigningKey('P-256');
  const certificate = createSelfSignedCertificate({
    key,
    commonName,
    hosts,
    notBeforeSeconds: nowSeconds - backdatedSeconds,
    notAfterSeconds: nowSeconds + lifeSeconds,
  });
  return {
    // etcd takes its key as PEM only.
    key: key.keyObject.export({ format: 'pem', type: 'pkcs8' }),
    certificate: certificatePem(certificate),
  };
}
