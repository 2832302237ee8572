/**
 * What the controller needs of the service, and what its parts look at together.
 * It must never hold behaviour.
 * @module
 */
import type {
  InjectionSettings,
  ObservedRecords,
  ObservedSecret,
  RetainedBinding,
  SelectingBinding,
} from '@letterlock/core';
import type { Logger } from 'pino';
import type { ApiClient } from './api-client.ts';
import type { EventRecorder } from './events.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { LiveWorld } from './live-bindings.ts';

/** What the service offers while it is unsealed. */
export interface UnsealedSources {
  readonly publicKeyOf: (namespace: string, name: string) => Promise<PublicKeyMembers>;
  /** Destroys what was written for a binding, and its keys. */
  readonly purge: (binding: RetainedBinding) => Promise<void>;
  /** The binding is there, and what was written for it outlives it so long. */
  readonly retain: (binding: RetainedBinding) => Promise<void>;
  /** Purges what has outlived its binding. @returns `namespace/name` of each */
  readonly purgeRetained: (isThere: (namespace: string, name: string) => boolean) => Promise<readonly string[]>;
  readonly secretOf: (path: string, opens: 'Unlimited' | 'Once') => Promise<Omit<ObservedSecret, 'name'> | undefined>;
  /** Looks at what is stored about pods. @returns UIDs of those of which something changed */
  readonly lookAtPods: () => Promise<ReadonlySet<string>>;
  /** As of the last look. */
  readonly recordsOf: (podUid: string) => ObservedRecords;
  /** Text of each entry of the ConfigMap of trust. */
  readonly trust: () => Readonly<Record<string, string>>;
  readonly podChanged: (pod: unknown) => Promise<void>;
  readonly podGone: (uid: string) => Promise<void>;
  readonly podsListed: (uids: ReadonlySet<string>, startedSeconds: number) => Promise<void>;
}

export interface PublicKeyMembers {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y: string;
}

export interface ControllerOptions {
  readonly api: ApiClient;
  readonly log: Logger;
  readonly trustDomain: string;
  /** Where agents reach the service, for messages to people. */
  readonly service: string;
  /** What the webhook injects. Default: nothing, and no pod is missed. */
  readonly injection?: InjectionSettings;
  readonly events: EventRecorder;
  readonly nowSeconds: () => number;
  readonly monotonicSeconds: () => number;
  readonly isLeading: () => boolean;
  readonly unsealed: () => UnsealedSources | undefined;
}

/** What an informer knows. */
export interface Followed {
  get(key: string): KubernetesObject | undefined;
}

/** What each part of the controller looks at. */
export interface ControllerView {
  readonly options: ControllerOptions;
  readonly bindings: Followed;
  readonly pods: Followed;
  readonly recipients: Followed;
  readonly namespaces: Followed;
  readonly podsByUid: { byUid(uid: string): KubernetesObject | undefined };
  readonly world: LiveWorld;
  /** `namespace/name` of a binding → what was observed of it last. */
  readonly observed: Map<string, SelectingBinding>;
  /** UIDs of pods that ask for an agent and have none. */
  readonly leftOut: Set<string>;
  /** Makes the recipient of a pod be looked at. @param key - `namespace/name` of the pod */
  readonly touchRecipient: (key: string) => void;
}

/** @returns seconds until it is looked at again; undefined: not before something changes */
export type Reconcile = (key: string) => Promise<number | undefined>;

export const apiVersion = 'letterlock.dev/v1alpha1';
