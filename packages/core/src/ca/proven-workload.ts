/**
 * A pod whose identity is proven: what enrolment found in the token, the live pod and its status, and nothing that it said of itself.
 * It must never be made from a request.
 * @module
 */
import type { WorkloadIdentity } from '@letterlock/protocol';

/** What is known about the pod that enrols. */
export interface WorkloadFacts {
  readonly identity: WorkloadIdentity;
  /** Of the agent's container: one key for each start. */
  readonly containerId: string;
}

declare const provenMark: unique symbol;
export interface ProvenWorkload extends WorkloadFacts {
  readonly [provenMark]: true;
}

/** For the enrolment alone, after the token review, the live pod and checkInjected have all agreed. */
export function proveWorkload(facts: WorkloadFacts): ProvenWorkload {
  return facts as ProvenWorkload;
}
