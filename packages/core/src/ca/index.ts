/**
 * Workload certificates: the authorities, their rotation and bundle, issuing in a proven name, and the strict verifier.
 * @module
 */
export { createAuthority, readAuthority, type Authority, type TrustedAuthority } from './authority.ts';
export { issueServerCertificate, issueSvid, type IssuedCertificate, type IssueOptions } from './issue.ts';
export { parseSvid, type Svid, type SvidRules, type SvidViolation } from './parse-svid.ts';
export { proveWorkload, type ProvenWorkload, type WorkloadFacts } from './proven-workload.ts';
export {
  defaultRotationTimes,
  lookEverySeconds,
  rotationTimesOf,
  type ChosenLifetimes,
  type RotationStep,
  type RotationTimes,
} from './rotation.ts';
export { WorkloadAuthorities, type WorkloadAuthoritiesOptions } from './workload-authorities.ts';
