/**
 * The controller: follows bindings, pods and namespaces, and makes status, events and trust what they should be.
 * It must never decide: it observes, lets core decide, and applies; only the leader applies anything.
 * @module
 */
import {
  decideBinding,
  decideFaultyBinding,
  readBinding,
  WatchFreshness,
  type Binding,
  type BoundSecret,
  type Condition,
  type ObservedSecret,
} from '@letterlock/core';
import { agentContainerName, kubernetesGroup, trustConfigMap, workloadSelectorOf } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { hasStatus } from './api-error.ts';
import { contentTypes, pathOf, type ApiClient } from './api-client.ts';
import { applyObject, fieldManagers } from './apply.ts';
import type { EventRecorder } from './events.ts';
import { Informer } from './informer.ts';
import { isRecord, keyOf, type KubernetesObject } from './kubernetes-object.ts';
import { createLiveWorld, type LiveWorld } from './live-bindings.ts';
import { PodStore } from './pod-store.ts';
import { WorkQueue } from './work-queue.ts';

/** What the service offers while it is unsealed. */
export interface UnsealedSources {
  readonly publicKeyOf: (namespace: string, name: string) => Promise<PublicKeyMembers>;
  readonly purge: (namespace: string, name: string) => Promise<void>;
  readonly secretOf: (path: string, opens: BoundSecret['opens']) => Promise<Omit<ObservedSecret, 'name'> | undefined>;
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
  readonly events: EventRecorder;
  readonly nowSeconds: () => number;
  readonly monotonicSeconds: () => number;
  readonly isLeading: () => boolean;
  readonly unsealed: () => UnsealedSources | undefined;
}

const apiVersion = `${kubernetesGroup}/v1alpha1`;
const finalizer = `${kubernetesGroup}/purge`;
/** A binding that is deleted while the service is sealed waits for its purge no longer than this. */
const purgeWithinSeconds = 300;
const purgeLookAgainSeconds = 5;
const trustEverySeconds = 600;
const injectLabel = `${kubernetesGroup}/inject`;
const turnMilliseconds = 100;

export class Controller {
  readonly world: LiveWorld;
  readonly #options: ControllerOptions;
  readonly #bindings: Informer;
  readonly #pods: Informer;
  readonly #namespaces: Informer;
  readonly #podStore = new PodStore();
  readonly #queue: WorkQueue;
  #timer: NodeJS.Timeout | undefined;
  #tellsAllPods = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { api, log, nowSeconds, monotonicSeconds } = options;
    const freshness = {
      pods: new WatchFreshness({ monotonicSeconds }),
      bindings: new WatchFreshness({ monotonicSeconds }),
    };
    const common = { api, log, nowSeconds, monotonicSeconds };
    this.#queue = new WorkQueue({
      run: (key) => this.#reconcile(key),
      failed: (key, error) => log.warn({ object: key, error }, 'Could not reconcile'),
      nowMilliseconds: () => performance.now(),
    });
    this.#bindings = new Informer({
      ...common,
      path: pathOf({ apiVersion, resource: 'secretbindings' }),
      resource: 'secretbindings',
      seen: () => freshness.bindings.seen(),
      changed: (object) => {
        this.#queue.add(`binding ${keyOf(object)}`);
        this.#queue.add(`trust ${object.metadata.namespace}`);
      },
      gone: (object) => this.#queue.forget(`binding ${keyOf(object)}`),
    });
    this.#pods = new Informer({
      ...common,
      path: pathOf({ apiVersion: 'v1', resource: 'pods' }),
      resource: 'pods',
      seen: () => freshness.pods.seen(),
      changed: (pod) => this.#podChanged(pod),
      gone: (pod) => this.#podGone(pod),
      listed: (pods, startedSeconds) => {
        const uids = new Set(pods.map(({ metadata }) => metadata.uid));
        this.#tell(async (sources) => {
          await sources.podsListed(uids, startedSeconds);
          // A container that was replaced while nobody could be told is found in the pod alone.
          if (!this.#tellsAllPods) return;
          this.#tellsAllPods = false;
          for (const pod of pods) if (hasAgent(pod)) await sources.podChanged(pod);
        });
      },
    });
    this.#namespaces = new Informer({
      ...common,
      path: pathOf({ apiVersion: 'v1', resource: 'namespaces' }),
      resource: 'namespaces',
      changed: ({ metadata }) => {
        if (metadata.labels?.[injectLabel] === 'enabled') this.#queue.add(`trust ${metadata.name}`);
      },
      gone: ({ metadata }) => this.#queue.forget(`trust ${metadata.name}`),
    });
    this.world = createLiveWorld({
      bindings: this.#bindings,
      pods: this.#podStore,
      isCurrent: () => freshness.pods.isCurrent() && freshness.bindings.isCurrent(),
    });
  }

  start(): void {
    for (const informer of [this.#bindings, this.#pods, this.#namespaces]) informer.start();
    this.#timer = setInterval(() => this.#options.isLeading() && this.#queue.turn(), turnMilliseconds);
    this.#timer.unref();
  }

  /** Everything is looked at again, such as after an unseal: pods that went or changed while the service was sealed are told now. */
  refresh(): void {
    this.#tellsAllPods = true;
    this.#pods.listAgain();
    for (const object of this.#bindings.objects) this.#queue.add(`binding ${keyOf(object)}`);
    this.trustChanged();
  }

  /** Every namespace that has the trust is given it anew: its agents must know an authority before it signs. */
  trustChanged(): void {
    for (const object of this.#bindings.objects) this.#queue.add(`trust ${object.metadata.namespace}`);
    for (const { metadata } of this.#namespaces.objects) {
      if (metadata.labels?.[injectLabel] === 'enabled') this.#queue.add(`trust ${metadata.name}`);
    }
    for (const pod of this.#pods.objects) if (hasAgent(pod)) this.#queue.add(`trust ${pod.metadata.namespace}`);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#bindings, this.#pods, this.#namespaces].map((informer) => informer.stop()));
    await this.#queue.settle();
    await this.#options.events.settle();
  }

  #podChanged(pod: KubernetesObject): void {
    const isNew = this.#podStore.byUid(pod.metadata.uid) === undefined;
    this.#podStore.put(pod);
    // Writers have no binding in their namespace, and their agents wait for the trust too.
    if (isNew && hasAgent(pod)) this.#queue.add(`trust ${pod.metadata.namespace}`);
    this.#tell((sources) => sources.podChanged(pod));
    this.#touch(pod.metadata.namespace);
  }

  #podGone(pod: KubernetesObject): void {
    this.#podStore.delete(pod);
    this.#tell((sources) => sources.podGone(pod.metadata.uid));
    this.#touch(pod.metadata.namespace);
  }

  /** Which pods wait is part of each status of the namespace. */
  #touch(namespace: string | undefined): void {
    for (const object of this.#bindings.objects) {
      if (object.metadata.namespace === namespace) this.#queue.add(`binding ${keyOf(object)}`);
    }
  }

  #tell(what: (sources: UnsealedSources) => Promise<void>): void {
    const sources = this.#options.unsealed();
    if (sources === undefined) return;
    what(sources).catch((error: unknown) => this.#options.log.error({ error }, 'Could not follow a pod'));
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const [kind, name] = key.split(' ') as ['binding' | 'trust', string];
    return kind === 'trust' ? this.#writeTrust(name) : this.#reconcileBinding(name);
  }

  async #reconcileBinding(key: string): Promise<number | undefined> {
    const object = this.#bindings.get(key);
    if (object === undefined) return undefined;
    const { nowSeconds } = this.#options;
    const status = isRecord(object['status']) ? object['status'] : {};
    const conditions = (Array.isArray(status['conditions']) ? status['conditions'] : []) as readonly Condition[];
    const binding = readBinding(object);
    if ('fault' in binding) {
      if (object.metadata.deletionTimestamp !== undefined) return this.#finish(object);
      const generation = object.metadata.generation ?? 0;
      const decision = decideFaultyBinding(binding.fault, { generation, nowSeconds: nowSeconds(), conditions });
      await this.#applyStatus(object, decision.status);
      return decision.requeueAfterSeconds;
    }
    if (binding.isTerminating) return this.#purge(object, binding);
    if (binding.deletionPolicy === 'Purge' && !(object.metadata.finalizers ?? []).includes(finalizer)) {
      await this.#writeFinalizers(object, [...(object.metadata.finalizers ?? []), finalizer]);
    }
    const sources = this.#options.unsealed();
    const publicKey = await sources?.publicKeyOf(binding.namespace, binding.name);
    const secrets = sources === undefined ? undefined : await observeSecrets(binding, sources);
    const formerKey = isRecord(status['publicKey']) ? status['publicKey']['x'] : undefined;
    const { trustDomain: td } = this.#options;
    const decision = decideBinding(binding, {
      nowSeconds: nowSeconds(),
      publicKey,
      secrets,
      formerKeyX: typeof formerKey === 'string' ? formerKey : undefined,
      pods: this.world.podsOf(binding).length,
      conditions,
      recipientPrefix: workloadSelectorOf({ td, ns: binding.namespace, sa: '' }),
    });
    // Sealed, the key is not known: what the status says of it stays.
    const kept = publicKey === undefined && formerKey !== undefined ? { publicKey: status['publicKey'] } : {};
    await this.#applyStatus(object, { ...kept, ...decision.status });
    if (decision.waiting !== undefined) this.#say(object, decision.waiting);
    return decision.requeueAfterSeconds;
  }

  #say({ metadata }: KubernetesObject, waiting: { readonly reason: string; readonly message: string }): void {
    const { namespace = '', name, uid } = metadata;
    this.#options.events.record(
      { apiVersion, kind: 'SecretBinding', namespace, name, uid },
      { type: 'Warning', ...waiting },
    );
  }

  async #applyStatus({ metadata, status: before }: KubernetesObject, status: object): Promise<void> {
    if (JSON.stringify(sorted(before)) === JSON.stringify(sorted(status))) return;
    const { name, namespace = '' } = metadata;
    await applyObject(this.#options.api, {
      object: { apiVersion, kind: 'SecretBinding', metadata: { name, namespace }, status },
      resource: 'secretbindings',
      subresource: 'status',
      manager: fieldManagers.controller,
    });
  }

  /** The keys of the binding go, and with them everything that was encrypted to them. */
  async #purge(object: KubernetesObject, binding: Binding): Promise<number | undefined> {
    if (!(object.metadata.finalizers ?? []).includes(finalizer)) return undefined;
    const sources = this.#options.unsealed();
    if (sources !== undefined) await sources.purge(binding.namespace, binding.name);
    else if (this.#options.nowSeconds() - secondsOf(object.metadata.deletionTimestamp) < purgeWithinSeconds) {
      return purgeLookAgainSeconds;
    } else
      this.#options.log.warn({ object: keyOf(object) }, 'Let a binding go without its purge: the service is sealed');
    return this.#finish(object);
  }

  async #finish(object: KubernetesObject): Promise<undefined> {
    const left = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    if (left.length !== (object.metadata.finalizers ?? []).length) await this.#writeFinalizers(object, left);
    return undefined;
  }

  async #writeFinalizers({ metadata }: KubernetesObject, finalizers: readonly string[]): Promise<void> {
    const { name, namespace = '', resourceVersion } = metadata;
    await this.#options.api.ask({
      method: 'PATCH',
      path: pathOf({ apiVersion, resource: 'secretbindings', namespace, name }),
      contentType: contentTypes.merge,
      query: { fieldManager: fieldManagers.controller },
      body: { metadata: { finalizers, resourceVersion } },
    });
  }

  async #writeTrust(namespace: string): Promise<number | undefined> {
    const found = this.#namespaces.get(namespace);
    if (found !== undefined && found.metadata.deletionTimestamp !== undefined) return undefined;
    const sources = this.#options.unsealed();
    if (sources === undefined) return undefined;
    try {
      await applyObject(this.#options.api, {
        // Without an owner: a guarded object that has one is never collected.
        object: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: trustConfigMap.name, namespace },
          data: sources.trust(),
        },
        resource: 'configmaps',
        manager: fieldManagers.controller,
      });
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
    return trustEverySeconds;
  }
}

function hasAgent({ spec }: KubernetesObject): boolean {
  const containers = isRecord(spec) ? spec['initContainers'] : undefined;
  return Array.isArray(containers) && containers.some((each) => isRecord(each) && each['name'] === agentContainerName);
}

async function observeSecrets(binding: Binding, sources: UnsealedSources): Promise<readonly ObservedSecret[]> {
  const observed: ObservedSecret[] = [];
  for (const { name, opens } of binding.secrets) {
    const found = await sources.secretOf(`k8s/${binding.namespace}/${binding.name}/${name}`, opens);
    observed.push({ name, ...found });
  }
  return observed;
}

function secondsOf(time: string | undefined): number {
  return Math.floor(Date.parse(time ?? '') / 1000) || 0;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, sorted(value[name])]),
  );
}
