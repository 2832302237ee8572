/**
 * Workloads of Kubernetes: enrolment, revocation, and what they are known by.
 * @module
 */
export type { BindingSlotKeys, BindingSupport } from '../envelopes/binding-slot.ts';
export { decideEnrolment, type EnrolmentDecision, type EnrolmentViolation } from './decide-enrolment.ts';
export {
  createKubernetesAttestor,
  type BootWitness,
  type KubernetesAttestorOptions,
  type OwnPod,
} from './kubernetes-attestor.ts';
export { readLivePod, type AgentStart, type LivePod } from './live-pod.ts';
export type { EnrolmentAlarm } from './suspicions.ts';
export { WatchFreshness } from './watch-freshness.ts';
export { BindingKeys, type BindingKeysOptions, type BindingPublicKey } from './binding-keys.ts';
export { RetainedBindings, type RetainedBinding } from './retained-bindings.ts';
export { TokenWriters, type TokenWritersOptions } from './token-writers.ts';
export { WorkloadLedger, type PodRecords } from './workload-ledger.ts';
export { Workloads, type EnrolmentRequest, type WorkloadsOptions } from './workloads.ts';
export type { WorkloadWitness } from './workload-witness.ts';
