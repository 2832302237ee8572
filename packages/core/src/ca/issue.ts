/**
 * Issues certificates: to a proven workload in its own name, and to the service for its listeners.
 * It must never issue what its own verifier would refuse, nor sign a name that stands in a request.
 * @module
 */
import { publicOf, type VerifyingKey } from '@letterlock/crypto';
import { ProblemError, workloadLifetimes, workloadUri } from '@letterlock/protocol';
import type { Authority } from './authority.ts';
import { leafExtensions, signCertificate, type AlternativeName } from './certificate-profile.ts';
import { parseSvid } from './parse-svid.ts';
import type { ProvenWorkload } from './proven-workload.ts';

export interface IssuedCertificate {
  readonly der: Uint8Array;
  /** Seconds. */
  readonly notAfter: number;
}

export interface IssueOptions {
  readonly authority: Authority;
  /** The key that the agent has proved to hold. */
  readonly key: VerifyingKey;
  readonly nowSeconds: number;
  /** Default one hour, and never more. */
  readonly lifetimeSeconds?: number;
}

const ipAddress = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*)$/;

/** A certificate for a pod, in the name that was proven. @throws 'bad_key' unless the key is P-256 and nobody's here; 'unavailable' */
export async function issueSvid(o: IssueOptions & { readonly workload: ProvenWorkload }): Promise<IssuedCertificate> {
  const { identity } = o.workload;
  const issued = await issueLeaf(o, [{ type: 'url', value: workloadUri(identity) }], true);
  const { authority, nowSeconds } = o;
  parseSvid(issued.der, { trustDomain: identity.td, authorities: [authority], nowSeconds });
  return issued;
}

/** A certificate for the service's own listeners. @param o - `hosts`: DNS names and addresses. @throws as issueSvid */
export async function issueServerCertificate(
  o: IssueOptions & { readonly hosts: readonly string[] },
): Promise<IssuedCertificate> {
  if (o.hosts.length === 0) throw new RangeError('Cannot issue a server certificate: it needs a host');
  const names = o.hosts.map((value): AlternativeName => ({ type: ipAddress.test(value) ? 'ip' : 'dns', value }));
  return issueLeaf(o, names, false);
}

async function issueLeaf(
  o: IssueOptions,
  names: readonly AlternativeName[],
  isForClients: boolean,
): Promise<IssuedCertificate> {
  const { authority, key, nowSeconds, lifetimeSeconds = workloadLifetimes.leaf } = o;
  if (key.kind !== 'P-256') throw new ProblemError('bad_key', { reason: 'key_kind', detail: 'The key is not P-256' });
  if (key.thumbprint === authority.key.thumbprint) throw new ProblemError('bad_key', { reason: 'key_in_use' });
  // A leaf that outlived its authority would look valid and be refused.
  const notAfter = Math.min(nowSeconds + Math.min(lifetimeSeconds, workloadLifetimes.leaf), authority.notAfter);
  if (notAfter <= nowSeconds) throw new ProblemError('unavailable', { reason: 'authority_expired' });
  const issuerKey = publicOf(authority.key);
  const der = await signCertificate({
    subject: '',
    issuer: subjectOf(authority),
    publicKey: key,
    signingKey: authority.key,
    notBefore: nowSeconds - workloadLifetimes.backdated,
    notAfter,
    extensions: await leafExtensions({ names, isForClients, issuerKey }),
  });
  return { der, notAfter };
}

/** The authority's name as @peculiar/x509 writes it; it has no characters that need escaping. */
function subjectOf({ read }: Authority): string {
  return read.certificate.subject;
}
