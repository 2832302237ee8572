/**
 * Rights under the reserved path `k8s/<namespace>/<binding>/<secret>`: they rest on the live binding and on nothing else.
 * A rule must never let a grant count there, nor a binding that is not in the cluster now.
 * @module
 */
import { readBindingPath, workloadSelectorOf, type BindingPath } from '@letterlock/protocol';
import type { Caller } from '../proof/proven.ts';
import { identityWriterOf, type LiveBinding, type LiveBindings } from './live-binding.ts';
import type { Refusal, World } from './rules.ts';

/** What somebody wants of a binding's secret. */
export type BindingWish = 'read' | 'write' | 'wrap' | 'list';

interface Attempt {
  readonly caller: Caller;
  readonly place: BindingPath;
  readonly binding: LiveBinding;
  readonly nowSeconds: number;
}
/** The reason of the log. */
type BindingRule = (attempt: Attempt) => string | undefined;

const keyHeldElsewhere: BindingRule = ({ binding }) =>
  binding.keyHeldBy === 'Service' ? undefined : 'key_holder_not_served';

const secretNotListed: BindingRule = ({ binding, place }) =>
  place.secret === undefined || binding.secrets.some(({ name }) => name === place.secret)
    ? undefined
    : 'secret_not_in_binding';

const opens =
  (wanted: 'Unlimited' | 'Once'): BindingRule =>
  ({ binding, place }) =>
    binding.secrets.find(({ name }) => name === place.secret)?.opens === wanted ? undefined : 'opens_differs';

/** What one pod is to open must be for the pods of one ServiceAccount. */
const onceForSeveral: BindingRule = ({ binding }) =>
  binding.serviceAccountNames.length === 1 ? undefined : 'once_for_several';

/** A pod reads by its agent's certificate; its ServiceAccount is the boundary, the selector narrows. */
const notSelected: BindingRule = ({ caller: { workload }, binding }) =>
  workload?.by === 'svid' && isSelected(binding, workload) ? undefined : 'binding_selects_not';

const writerNotListed: BindingRule = ({ caller, binding, place, nowSeconds }) => {
  const { workload } = caller;
  const covers = (secrets: readonly string[]): boolean =>
    place.secret === undefined || secrets.includes('*') || secrets.includes(place.secret);
  if (workload === undefined) {
    const entry = identityWriterOf(binding, caller.id, nowSeconds);
    return entry !== undefined && covers(entry.secrets) ? undefined : 'writer_not_listed';
  }
  const entry = binding.writers.serviceAccounts.find(
    ({ namespace, name, secrets }) => namespace === workload.ns && name === workload.sa && covers(secrets),
  );
  if (entry === undefined) return 'writer_not_listed';
  return workload.by === 'token' && entry.factor !== 'Token' ? 'sidecar_required' : undefined;
};

/** The certificate alone is one factor, and the application that wants to write has the other. */
const secondFactorMissing: BindingRule = ({ caller: { factor } }) =>
  factor === 'svid' ? 'second_factor_missing' : undefined;

/** Names and versions are for who reads or writes there. */
const neitherReaderNorWriter: BindingRule = (attempt) =>
  notSelected(attempt) === undefined ? undefined : writerNotListed(attempt);

const rules: { readonly [W in BindingWish]: readonly BindingRule[] } = {
  read: [keyHeldElsewhere, secretNotListed, notSelected],
  write: [keyHeldElsewhere, secretNotListed, opens('Unlimited'), writerNotListed, secondFactorMissing],
  wrap: [keyHeldElsewhere, secretNotListed, opens('Once'), onceForSeveral, writerNotListed, secondFactorMissing],
  list: [secretNotListed, neitherReaderNorWriter],
};

/** Why a binding gives no right to a path; undefined when it does. Reads are refused as if nothing were there. */
export function bindingRefusal(
  wish: BindingWish,
  caller: Caller,
  path: string,
  { bindings, nowSeconds }: Pick<World, 'bindings' | 'nowSeconds'>,
): Refusal | undefined {
  const code = wish === 'read' ? 'not_found' : 'denied';
  const place = readBindingPath(path);
  if (place === undefined || (wish !== 'list' && place.secret === undefined)) return { code, reason: 'binding_path' };
  if (bindings === undefined) return { code, reason: 'no_binding' };
  if (!bindings.isCurrent()) return { code: 'unavailable', reason: 'watch_down' };
  const binding = bindings.bindingOf(place.namespace, place.binding);
  if (binding === undefined) return { code, reason: 'no_binding' };
  for (const rule of rules[wish]) {
    const reason = rule({ caller, place, binding, nowSeconds });
    if (reason !== undefined) return { code, reason };
  }
  return undefined;
}

/**
 * The name under which the caller may be given what a binding's envelope holds: its selector, if the live binding selects its pod.
 * @param bnd - `<namespace>/<name>`, as the envelope's header says
 */
export function receiverOf(caller: Caller, bnd: string, bindings: LiveBindings | undefined): string | undefined {
  const { workload } = caller;
  const [namespace = '', name = ''] = bnd.split('/');
  const binding = bindings?.isCurrent() === true ? bindings.bindingOf(namespace, name) : undefined;
  if (workload?.by !== 'svid' || binding?.keyHeldBy !== 'Service') return undefined;
  return isSelected(binding, workload) ? workloadSelectorOf(workload) : undefined;
}

function isSelected(binding: LiveBinding, workload: NonNullable<Caller['workload']>): boolean {
  return (
    workload.ns === binding.namespace &&
    binding.serviceAccountNames.includes(workload.sa) &&
    binding.selectsPod(workload.pod)
  );
}
