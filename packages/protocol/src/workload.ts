/**
 * Workloads in Kubernetes: their names in certificates, the audiences of their tokens, the trust bundle.
 * It must never take a name in two spellings: what is not in this exact form is not a workload.
 * @module
 */
import { lifetimes, limits } from './limits.ts';
import { array, base64url, integer, object, seconds } from './shape.ts';

/** A pod as its certificate names it. */
export interface WorkloadIdentity {
  /** Trust domain. */
  readonly td: string;
  /** Namespace. */
  readonly ns: string;
  /** ServiceAccount. */
  readonly sa: string;
  /** Pod uid. */
  readonly pod: string;
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const subdomain = '[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?';
const workloadPattern = new RegExp(
  `^spiffe://([a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?)/ns/(${label})/sa/(${subdomain})/pod/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`,
);

/** `spiffe://<td>/ns/<ns>/sa/<sa>/pod/<uid>`. @throws RangeError unless it reads back as it was. @source protocol.md §8.1 */
export function workloadUri({ td, ns, sa, pod }: WorkloadIdentity): string {
  const uri = `spiffe://${td}/ns/${ns}/sa/${sa}/pod/${pod}`;
  const read = readWorkloadUri(uri);
  if (read === undefined || read.td !== td || read.ns !== ns || read.sa !== sa) {
    throw new RangeError('Cannot name a workload: one of its names is not well formed');
  }
  return uri;
}

/** The workload that a URI names; undefined for any other text. */
export function readWorkloadUri(uri: string): WorkloadIdentity | undefined {
  const [, td, ns, sa, pod] = workloadPattern.exec(uri) ?? [];
  if (td === undefined || ns === undefined || sa === undefined || pod === undefined) return undefined;
  return { td, ns, sa, pod };
}

/** How grants and envelopes name all pods of a ServiceAccount. */
export function workloadSelectorOf({ td, ns, sa }: Omit<WorkloadIdentity, 'pod'>): string {
  return `spiffe://${td}/ns/${ns}/sa/${sa}`;
}

/** Prefixes of token audiences; behind each stands the trust domain, or the boot hash. @source protocol.md §7, §8.2, §10.1 */
export const audiencePrefixes = {
  enrol: 'letterlock-enrol:',
  write: 'letterlock-write:',
  boot: 'letterlock-boot:',
} as const;

/** Reason of the event at a replica whose server image the admins have not listed. */
export const unlistedImageReason = 'ImageNotListed';

const certificateCharacters = Math.ceil((limits.certificateBytes * 4) / 3);
const certificate = base64url({ atMost: certificateCharacters });

/** The authorities of workload certificates; `past`: retired ones, for signatures made while they were valid. @source protocol.md §8.4 */
export const bundleClaims = object({
  certs: array(certificate, limits.authorities, 1),
  exp: seconds,
  iat: seconds,
  past: array(certificate, limits.pastAuthorities),
  seq: integer(1),
});
export type BundleClaims = ReturnType<typeof bundleClaims>;

/** Longest bundle, characters: what a ConfigMap holds with room to spare. */
export const bundleCharacters = 131_072;

/** Times of workload certificates and their authorities, seconds. @source protocol.md §8.1, §8.4 */
export const workloadLifetimes = {
  leaf: lifetimes.workloadCertificate,
  backdated: 300,
  /** Longest life that a verifier accepts: an hour and what it is backdated. */
  leafMaximum: 65 * 60,
  authority: 90 * 86_400,
  /** A new authority is shown for so long before it signs. */
  authorityPublished: 2 * 3600,
  /** The old one is still trusted for so long after it signed last. */
  authorityRetired: 2 * 3600 + 65 * 60,
  bundle: 7 * 86_400,
} as const;
