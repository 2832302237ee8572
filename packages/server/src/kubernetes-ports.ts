/**
 * What the workloads of an unsealed service need from Kubernetes, and what the controller needs from them.
 * It must never hold behaviour.
 * @module
 */
import type {
  BindingKeys,
  EnrolmentAlarm,
  LiveBindings,
  RetainedBindings,
  TokenWriters,
  WorkloadAuthorities,
  WorkloadLedger,
  Workloads,
  WorkloadWitness,
  WrittenForms,
} from '@letterlock/core';
import type { PublicJwk } from '@letterlock/protocol';

export interface KubernetesPorts {
  readonly witness: WorkloadWitness;
  readonly bindings: LiveBindings;
  /** What this server's injector writes and wrote. */
  readonly forms: () => WrittenForms;
  /** Whether an agent's connection must come from its pod's address. Off behind a mesh that rewrites it. */
  readonly checkSourceAddress: boolean;
  /** Names of the Services by which agents reach this server, beside the public origins. */
  readonly serviceHosts: readonly string[];
  /** A second key for one start of an agent, to be told to people. It is in the log and the metrics already. */
  readonly alarmed?: (alarm: EnrolmentAlarm) => void;
  /** Once the authorities are there after an unseal; undefined at the seal. */
  readonly unsealed?: (services: KubernetesServices | undefined) => void;
  /** The bundle has another number: what namespaces are given to trust has changed. */
  readonly rotated?: () => void;
}

/** What the informer and the controller work with while unsealed. */
export interface KubernetesServices {
  readonly workloads: Workloads;
  /** What is stored about pods, for people to look at. */
  readonly ledger: WorkloadLedger;
  readonly tokenWriters: TokenWriters;
  readonly bindingKeys: BindingKeys;
  readonly retained: RetainedBindings;
  readonly authorities: WorkloadAuthorities;
  /** Public half, for the trust that namespaces are given. */
  readonly instanceKey: PublicJwk;
}
