/**
 * The strict verifier of workload certificates (protocol.md §8.1), to be asked after every TLS handshake: OpenSSL lets
 * leaves pass that are authorities or have two names. It must never give an identity from a name that it had to interpret.
 * @module
 */
import { isIssuedBy, type VerifyingKey } from '@letterlock/crypto';
import { ProblemError, readWorkloadUri, workloadLifetimes, type WorkloadIdentity } from '@letterlock/protocol';
import { isSameList, type TrustedAuthority } from './authority.ts';
import { extensionIds, readFacts, type CertificateFacts } from './read-profile.ts';
import { ExtendedKeyUsage, KeyUsageFlags } from './x509-library.ts';

/** A workload as its certificate proves it. That the key is still the pod's own is asked of its row in the store. */
export interface Svid {
  readonly identity: WorkloadIdentity;
  readonly key: VerifyingKey;
  /** Seconds. */
  readonly notAfter: number;
}

export interface SvidRules {
  readonly trustDomain: string;
  /** Those of the present bundle. */
  readonly authorities: readonly TrustedAuthority[];
  readonly nowSeconds: number;
}

/** Reasons of the log. */
export type SvidViolation =
  | 'cert_form'
  | 'cert_chain'
  | 'cert_not_yet_valid'
  | 'cert_expired'
  | 'cert_lifetime'
  | 'cert_signature'
  | 'cert_key'
  | 'cert_subject'
  | 'cert_extensions'
  | 'cert_critical'
  | 'cert_authority'
  | 'cert_key_usage'
  | 'cert_purpose'
  | 'cert_names'
  | 'cert_identity';

const { keyUsage, subjectAlternativeName, basicConstraints, authorityKeyIdentifier, extendedKeyUsage } = extensionIds;
const profileExtensions = [
  keyUsage,
  subjectAlternativeName,
  basicConstraints,
  authorityKeyIdentifier,
  extendedKeyUsage,
].toSorted();
const criticalExtensions = [keyUsage, subjectAlternativeName, basicConstraints].toSorted();
const purposes: readonly string[] = [ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth].toSorted();

/** Every violation, the first one wins. */
const rules: readonly (readonly [SvidViolation, (facts: CertificateFacts, rules: SvidRules) => boolean])[] = [
  [
    'cert_chain',
    (facts, { authorities, nowSeconds }) => !authorities.some((each) => isIssuer(each, facts, nowSeconds)),
  ],
  ['cert_not_yet_valid', ({ notBefore }, { nowSeconds }) => nowSeconds < notBefore],
  ['cert_expired', ({ notAfter }, { nowSeconds }) => nowSeconds > notAfter],
  ['cert_lifetime', ({ notBefore, notAfter }) => notAfter - notBefore > workloadLifetimes.leafMaximum],
  ['cert_signature', ({ isEcdsaWithSha256 }) => !isEcdsaWithSha256],
  ['cert_key', ({ read }) => read.key.kind !== 'P-256'],
  ['cert_subject', ({ subject }) => subject !== ''],
  ['cert_extensions', ({ extensions }) => !isSameList(extensions, profileExtensions)],
  ['cert_critical', ({ critical }) => !isSameList(critical, criticalExtensions)],
  ['cert_authority', ({ isAuthority, pathLength }) => isAuthority || pathLength !== undefined],
  ['cert_key_usage', (facts) => facts.keyUsage !== (KeyUsageFlags.digitalSignature as number)],
  ['cert_purpose', (facts) => !isSameList(facts.purposes, purposes)],
  ['cert_names', ({ names }) => names.length !== 1 || names[0]!.type !== 'url'],
  ['cert_identity', ({ names }, { trustDomain }) => readWorkloadUri(names[0]!.value)?.td !== trustDomain],
];

/** @param der - the leaf as the TLS peer presented it. @throws 'bad_proof' with a reason of SvidViolation */
export function parseSvid(der: Uint8Array, given: SvidRules): Svid {
  const facts = readFacts(der);
  const violated = rules.find(([, isViolated]) => isViolated(facts, given));
  if (violated !== undefined) throw new ProblemError('bad_proof', { reason: violated[0] });
  const { names, read, notAfter } = facts;
  return { identity: readWorkloadUri(names[0]!.value)!, key: read.key, notAfter };
}

/** A chain is one link long: an authority of ours signs nothing but leaves. */
function isIssuer(authority: TrustedAuthority, { read }: CertificateFacts, nowSeconds: number): boolean {
  const isValid = authority.notBefore <= nowSeconds && nowSeconds <= authority.notAfter;
  return isValid && isIssuedBy(read, authority.read);
}
