/**
 * The controller: follows bindings, pods, recipients and namespaces, and has what changed looked at.
 * It must never decide, nor apply anything while it does not lead.
 * @module
 */
import { WatchFreshness, type SelectingBinding } from '@letterlock/core';
import { agentContainerName, kubernetesGroup } from '@letterlock/protocol';
import { pathOf } from './api-client.ts';
import { createBindingReconciler } from './binding-reconciler.ts';
import {
  apiVersion,
  type ControllerOptions,
  type ControllerView,
  type Reconcile,
  type UnsealedSources,
} from './controller-ports.ts';
import { Informer } from './informer.ts';
import { isRecord, keyOf, type KubernetesObject } from './kubernetes-object.ts';
import { createLeftOutFinder } from './left-out-finder.ts';
import { createLiveWorld, type LiveWorld } from './live-bindings.ts';
import { ObjectStore } from './object-store.ts';
import { createRecipientReconciler } from './recipient-reconciler.ts';
import { createTrustWriter } from './trust-writer.ts';
import { WorkQueue } from './work-queue.ts';

const injectLabel = `${kubernetesGroup}/inject`;
const turnMilliseconds = 100;
/** How soon people see what a pod was given, by whichever replica. */
const lookEveryTurns = 20;

/** A look at what has outlived its binding. */
const purgeEveryTurns = 200;

type Kind = 'binding' | 'recipient' | 'trust' | 'left-out';

export class Controller {
  readonly world: LiveWorld;
  readonly #options: ControllerOptions;
  readonly #bindings: Informer;
  readonly #pods: Informer;
  readonly #recipients: Informer;
  readonly #namespaces: Informer;
  readonly #podStore = new ObjectStore();
  readonly #bindingStore = new ObjectStore();
  readonly #observed = new Map<string, SelectingBinding>();
  readonly #leftOut = new Set<string>();
  readonly #queue: WorkQueue;
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  #turns = 0;
  #look: Promise<void> | undefined;
  #purge: Promise<void> | undefined;
  #tellsAllPods = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { api, log, nowSeconds, monotonicSeconds } = options;
    const freshness = {
      pods: new WatchFreshness({ monotonicSeconds }),
      bindings: new WatchFreshness({ monotonicSeconds }),
    };
    const common = { api, log, nowSeconds, monotonicSeconds };
    this.#bindings = new Informer({
      ...common,
      path: pathOf({ apiVersion, resource: 'secretbindings' }),
      resource: 'secretbindings',
      seen: () => freshness.bindings.seen(),
      changed: (object) => this.#bindingChanged(object),
      gone: (object) => this.#bindingGone(object),
    });
    this.#pods = new Informer({
      ...common,
      path: pathOf({ apiVersion: 'v1', resource: 'pods' }),
      resource: 'pods',
      seen: () => freshness.pods.seen(),
      changed: (pod) => this.#podChanged(pod),
      gone: (pod) => this.#podGone(pod),
      listed: (pods, startedSeconds) => this.#podsListed(pods, startedSeconds),
    });
    this.#recipients = new Informer({
      ...common,
      path: pathOf({ apiVersion, resource: 'secretrecipients' }),
      resource: 'secretrecipients',
      changed: (object) => this.#add('recipient', keyOf(object)),
      // Deleted by somebody while its pod lives.
      gone: (object) => this.#add('recipient', keyOf(object)),
    });
    this.#namespaces = new Informer({
      ...common,
      path: pathOf({ apiVersion: 'v1', resource: 'namespaces' }),
      resource: 'namespaces',
      changed: (namespace) => this.#namespaceChanged(namespace),
      gone: ({ metadata }) => this.#queue.forget(`trust ${metadata.name}`),
    });
    const bindings = this.#bindings;
    this.world = createLiveWorld({
      bindings: { get: (key) => bindings.get(key), in: (namespace) => this.#bindingStore.in(namespace) },
      pods: this.#podStore,
      isCurrent: () => freshness.pods.isCurrent() && freshness.bindings.isCurrent(),
    });
    const view: ControllerView = {
      options,
      bindings,
      pods: this.#pods,
      recipients: this.#recipients,
      namespaces: this.#namespaces,
      podsByUid: this.#podStore,
      world: this.world,
      observed: this.#observed,
      leftOut: this.#leftOut,
      touchRecipient: (key) => this.#add('recipient', key),
    };
    const reconcilers: Readonly<Record<Kind, Reconcile>> = {
      binding: createBindingReconciler(view),
      recipient: createRecipientReconciler(view),
      trust: createTrustWriter(view),
      'left-out': createLeftOutFinder(view),
    };
    this.#queue = new WorkQueue({
      run: (key) => {
        const [kind, name] = key.split(' ') as [Kind, string];
        return reconcilers[kind](name);
      },
      failed: (key, error) => log.warn({ object: key, error }, 'Could not reconcile'),
      nowMilliseconds: () => performance.now(),
      isOpen: () => this.#isRunning && options.isLeading(),
    });
  }

  start(): void {
    this.#isRunning = true;
    for (const informer of this.#informers) informer.start();
    this.#timer = setInterval(() => this.#turn(), turnMilliseconds);
    this.#timer.unref();
  }

  /** Everything is looked at again, such as after an unseal: pods that went or changed while the service was sealed are told now. */
  refresh(): void {
    this.#tellsAllPods = true;
    this.#pods.listAgain();
    for (const object of this.#bindings.objects) this.#add('binding', keyOf(object));
    for (const pod of this.#pods.objects) if (hasAgent(pod)) this.#add('recipient', keyOf(pod));
    this.trustChanged();
  }

  /** Every namespace that has the trust is given it anew: its agents must know an authority before it signs. */
  trustChanged(): void {
    for (const object of this.#bindings.objects) this.#add('trust', object.metadata.namespace ?? '');
    for (const { metadata } of this.#namespaces.objects) {
      if (metadata.labels?.[injectLabel] === 'enabled') this.#add('trust', metadata.name);
    }
    for (const pod of this.#pods.objects) if (hasAgent(pod)) this.#add('trust', pod.metadata.namespace ?? '');
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    clearInterval(this.#timer);
    await Promise.all(this.#informers.map((informer) => informer.stop()));
    await Promise.all([this.#look, this.#purge]);
    await this.#queue.settle();
    await this.#options.events.settle();
  }

  /** Pods that ask for an agent and have none, as far as this process looks: while it leads. */
  get leftOut(): number {
    return this.#leftOut.size;
  }

  get #informers(): readonly Informer[] {
    return [this.#bindings, this.#pods, this.#recipients, this.#namespaces];
  }

  #add(kind: Kind, name: string): void {
    this.#queue.add(`${kind} ${name}`);
  }

  #turn(): void {
    if (!this.#options.isLeading()) return;
    this.#queue.turn();
    this.#turns += 1;
    const sources = this.#options.unsealed();
    if (sources === undefined) return;
    const { log } = this.#options;
    if (this.#turns % lookEveryTurns === 0) {
      this.#look ??= this.#lookAtPods(sources)
        .catch((error: unknown) => log.warn({ error }, 'Could not look at what pods were given'))
        .finally(() => (this.#look = undefined));
    }
    if (this.#turns % purgeEveryTurns === 0) {
      this.#purge ??= this.#purgeRetained(sources)
        .catch((error: unknown) => log.warn({ error }, 'Could not purge what has outlived its binding'))
        .finally(() => (this.#purge = undefined));
    }
  }

  /** Only who follows the bindings can say that one is gone. */
  async #purgeRetained(sources: UnsealedSources): Promise<void> {
    if (!this.world.isCurrent()) return;
    const isThere = (namespace: string, name: string): boolean => {
      // Said at each, since following may be interrupted meanwhile.
      return !this.world.isCurrent() || this.#bindings.get(`${namespace}/${name}`) !== undefined;
    };
    for (const binding of await sources.purgeRetained(isThere)) {
      this.#options.log.info({ binding }, 'Purged what has outlived its binding');
    }
  }

  async #lookAtPods(sources: UnsealedSources): Promise<void> {
    for (const uid of await sources.lookAtPods()) {
      const pod = this.#podStore.byUid(uid);
      if (pod === undefined) continue;
      this.#add('recipient', keyOf(pod));
      this.#touchBindings(pod);
    }
  }

  #bindingChanged(object: KubernetesObject): void {
    this.#bindingStore.put(object);
    this.#add('binding', keyOf(object));
    this.#add('trust', object.metadata.namespace ?? '');
  }

  #bindingGone(object: KubernetesObject): void {
    const key = keyOf(object);
    this.#bindingStore.delete(object);
    this.#observed.delete(key);
    this.#queue.forget(`binding ${key}`);
    for (const pod of this.#podStore.in(object.metadata.namespace ?? '')) {
      if (hasAgent(pod)) this.#add('recipient', keyOf(pod));
    }
  }

  #podChanged(pod: KubernetesObject): void {
    const before = this.#podStore.byUid(pod.metadata.uid);
    this.#podStore.put(pod);
    this.#tell((sources) => sources.podChanged(pod));
    if (!hasAgent(pod)) {
      this.#lookForLeftOut(pod);
      return;
    }
    // Writers have no binding in their namespace, and their agents wait for the trust too.
    if (before === undefined) this.#add('trust', pod.metadata.namespace ?? '');
    this.#add('recipient', keyOf(pod));
    this.#touchBindings(pod);
  }

  #podGone(pod: KubernetesObject): void {
    this.#podStore.delete(pod);
    this.#leftOut.delete(pod.metadata.uid);
    for (const kind of ['recipient', 'left-out']) this.#queue.forget(`${kind} ${keyOf(pod)}`);
    this.#tell((sources) => sources.podGone(pod.metadata.uid));
    if (hasAgent(pod)) this.#touchBindings(pod);
  }

  /** What a namespace's label asks, it asks for pods that are there already. */
  #namespaceChanged({ metadata: { name, labels } }: KubernetesObject): void {
    if (labels?.[injectLabel] === 'enabled') this.#add('trust', name);
    for (const pod of this.#podStore.in(name)) if (!hasAgent(pod)) this.#lookForLeftOut(pod);
  }

  /** Most pods ask for nothing, and are not worth a look. */
  #lookForLeftOut(pod: KubernetesObject): void {
    const { namespace = '', labels, annotations, uid } = pod.metadata;
    const ofNamespace = this.#namespaces.get(namespace)?.metadata.labels;
    const words = [labels, annotations, ofNamespace].map((each) => each?.[injectLabel]);
    if (words.some((word) => word !== undefined) || this.#leftOut.has(uid)) this.#add('left-out', keyOf(pod));
  }

  #podsListed(pods: readonly KubernetesObject[], startedSeconds: number): void {
    const uids = new Set(pods.map(({ metadata }) => metadata.uid));
    this.#tell(async (sources) => {
      await sources.podsListed(uids, startedSeconds);
      // A container that was replaced while nobody could be told is found in the pod alone.
      if (!this.#tellsAllPods) return;
      this.#tellsAllPods = false;
      for (const pod of pods) if (hasAgent(pod)) await sources.podChanged(pod);
    });
  }

  /** Which pods wait is part of each status of the namespace. */
  #touchBindings({ metadata: { namespace = '' } }: KubernetesObject): void {
    for (const object of this.#bindingStore.in(namespace)) this.#add('binding', keyOf(object));
  }

  #tell(what: (sources: UnsealedSources) => Promise<void>): void {
    const sources = this.#options.unsealed();
    if (sources === undefined) return;
    what(sources).catch((error: unknown) => this.#options.log.error({ error }, 'Could not follow a pod'));
  }
}

function hasAgent({ spec }: KubernetesObject): boolean {
  const containers = isRecord(spec) ? spec['initContainers'] : undefined;
  return Array.isArray(containers) && containers.some((each) => isRecord(each) && each['name'] === agentContainerName);
}
