/**
 * The status and the finalizer of each SecretBinding: gathers what is known, lets core decide, and applies.
 * It must never decide, nor let a binding go with Purge before its keys are destroyed, except when its time is up.
 * @module
 */
import {
  decideBinding,
  decideFaultyBinding,
  findWaiting,
  readBinding,
  type Binding,
  type Condition,
  type ObservedRecipient,
  type ObservedSecret,
  type RetainedBinding,
  type SelectingBinding,
} from '@letterlock/core';
import { bindingPathOf, kubernetesGroup, workloadSelectorOf } from '@letterlock/protocol';
import { contentTypes, pathOf } from './api-client.ts';
import { applyObject, fieldManagers } from './apply.ts';
import { apiVersion, type ControllerView, type Reconcile, type UnsealedSources } from './controller-ports.ts';
import { isRecord, keyOf, type KubernetesObject } from './kubernetes-object.ts';
import { gatherRecipient } from './recipient-reconciler.ts';
import { isSame } from './same-object.ts';

const finalizer = `${kubernetesGroup}/purge`;
/** A binding that is deleted while the service is sealed waits for its purge no longer than this. */
const purgeWithinSeconds = 300;
const purgeLookAgainSeconds = 5;

/** @returns for `namespace/name` of a binding */
export function createBindingReconciler(view: ControllerView): Reconcile {
  const { options, bindings, observed, world, podsByUid } = view;
  const { api, log, nowSeconds, trustDomain: td } = options;
  return async (key) => {
    const object = bindings.get(key);
    if (object === undefined) return undefined;
    const status = isRecord(object['status']) ? object['status'] : {};
    const conditions = (Array.isArray(status['conditions']) ? status['conditions'] : []) as readonly Condition[];
    const binding = readBinding(object);
    if ('fault' in binding) {
      if (object.metadata.deletionTimestamp !== undefined) return finish(object);
      const generation = object.metadata.generation ?? 0;
      const decision = decideFaultyBinding(binding.fault, { generation, nowSeconds: nowSeconds(), conditions });
      await applyStatus(object, decision.status);
      return decision.requeueAfterSeconds;
    }
    if (binding.isTerminating) return purge(object, binding);
    if (binding.deletionPolicy === 'Purge' && !(object.metadata.finalizers ?? []).includes(finalizer)) {
      await writeFinalizers(object, [...(object.metadata.finalizers ?? []), finalizer]);
    }
    const sources = options.unsealed();
    await sources?.retain(retainedOf(binding));
    const publicKey = await sources?.publicKeyOf(binding.namespace, binding.name);
    const secrets = sources === undefined ? undefined : await observeSecrets(binding, sources);
    const formerKey = isRecord(status['publicKey']) ? status['publicKey']['x'] : undefined;
    const pods = podsOf(binding);
    const facts = {
      nowSeconds: nowSeconds(),
      publicKey,
      secrets,
      formerKeyX: typeof formerKey === 'string' ? formerKey : undefined,
      conditions,
      recipientPrefix: workloadSelectorOf({ td, ns: binding.namespace, sa: '' }),
    };
    const { name } = binding;
    remember(key, { name, secrets, waiting: findWaiting(binding, { ...facts, recipients: pods }) }, pods);
    const decision = decideBinding(binding, { ...facts, recipients: pods.flatMap(recipientOf) });
    // Sealed, the key is not known: what the status says of it stays.
    const kept = publicKey === undefined && formerKey !== undefined ? { publicKey: status['publicKey'] } : {};
    await applyStatus(object, { ...kept, ...decision.status });
    return decision.requeueAfterSeconds;
  };

  /** Live pods with an agent that the binding selects, and that do not limit themselves to others. */
  function podsOf(binding: Binding): readonly KubernetesObject[] {
    return world.podsOf(binding).flatMap(({ uid }) => {
      const object = podsByUid.byUid(uid);
      const gathered = object === undefined ? undefined : gatherRecipient(view, object);
      return object !== undefined && gathered?.bindings.includes(binding.name) === true ? [object] : [];
    });
  }

  function recipientOf(object: KubernetesObject): readonly ObservedRecipient[] {
    const gathered = gatherRecipient(view, object);
    if (gathered === undefined) return [];
    const deliveries = options.unsealed()?.recordsOf(gathered.pod.uid).deliveries ?? [];
    return [{ waiting: gathered.decision.waiting, deliveries }];
  }

  /** What a binding is shows at its pods. */
  function remember(key: string, now: SelectingBinding, pods: readonly KubernetesObject[]): void {
    const isNews = !isSame(observed.get(key), now);
    observed.set(key, now);
    if (isNews) for (const pod of pods) view.touchRecipient(keyOf(pod));
  }

  async function applyStatus({ metadata, status: before }: KubernetesObject, status: object): Promise<void> {
    if (isSame(before, status)) return;
    const { name, namespace = '' } = metadata;
    await applyObject(api, {
      object: { apiVersion, kind: 'SecretBinding', metadata: { name, namespace }, status },
      resource: 'secretbindings',
      subresource: 'status',
      manager: fieldManagers.controller,
    });
  }

  /** The keys of the binding go, and with them everything that was encrypted to them. */
  async function purge(object: KubernetesObject, binding: Binding): Promise<number | undefined> {
    if (!(object.metadata.finalizers ?? []).includes(finalizer)) return undefined;
    const sources = options.unsealed();
    if (sources !== undefined) await sources.purge(retainedOf(binding));
    else if (nowSeconds() - secondsOf(object.metadata.deletionTimestamp) < purgeWithinSeconds) {
      return purgeLookAgainSeconds;
    } else log.warn({ object: keyOf(object) }, 'Let a binding go without its purge: the service is sealed');
    return finish(object);
  }

  async function finish(object: KubernetesObject): Promise<undefined> {
    const left = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    if (left.length !== (object.metadata.finalizers ?? []).length) await writeFinalizers(object, left);
    return undefined;
  }

  async function writeFinalizers({ metadata }: KubernetesObject, finalizers: readonly string[]): Promise<void> {
    const { name, namespace = '', resourceVersion } = metadata;
    await api.ask({
      method: 'PATCH',
      path: pathOf({ apiVersion, resource: 'secretbindings', namespace, name }),
      contentType: contentTypes.merge,
      query: { fieldManager: fieldManagers.controller },
      body: { metadata: { finalizers, resourceVersion } },
    });
  }
}

function retainedOf({ namespace, name, retainSeconds, secrets }: Binding): RetainedBinding {
  const once = secrets.flatMap((secret) => (secret.opens === 'Once' ? [secret.name] : []));
  return { namespace, name, retainSeconds, once };
}

async function observeSecrets(
  { namespace, name: binding, secrets }: Binding,
  sources: UnsealedSources,
): Promise<readonly ObservedSecret[]> {
  const observed: ObservedSecret[] = [];
  for (const { name, opens } of secrets) {
    observed.push({ name, ...(await sources.secretOf(bindingPathOf(namespace, binding, name), opens)) });
  }
  return observed;
}

function secondsOf(time: string | undefined): number {
  return Math.floor(Date.parse(time ?? '') / 1000) || 0;
}
