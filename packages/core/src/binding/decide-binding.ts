/**
 * From a SecretBinding and what was observed to its status, its events, and when to look again. Pure.
 * It must never make Ready wait for a write unless the binding says so: a pipeline that writes would wait for itself.
 * @module
 */
import type { Binding, BindingFault } from './binding.ts';
import type { ObservedDelivery } from './decide-recipient.ts';
import { timeOf } from './time-of.ts';

/** What the store says of one secret; undefined version: never written. */
export interface ObservedSecret {
  readonly name: string;
  readonly version?: number;
  readonly writtenAtSeconds?: number;
  /** Who wrote it: `sa:<namespace>/<name>`, or the id of an identity. */
  readonly writer?: string;
  readonly expiresAtSeconds?: number;
  /** `spiffe://…` of every recipient of the latest version. */
  readonly recipients?: readonly string[];
  /** Destroyed or expired: there is nothing to deliver. */
  readonly isGone?: boolean;
  /** Opens once, and a pod has it: there is nothing for another one. */
  readonly isTaken?: boolean;
}

/** One pod, as far as a binding's status counts it. */
export interface ObservedRecipient {
  readonly waiting: Waiting | undefined;
  readonly deliveries: readonly ObservedDelivery[];
}

export interface ObservedBinding {
  readonly nowSeconds: number;
  /** Undefined while sealed, or before the keys of this period are there. */
  readonly publicKey:
    { readonly kty: string; readonly crv: string; readonly x: string; readonly y: string } | undefined;
  /** Undefined: not known, since the service is sealed. */
  readonly secrets: readonly ObservedSecret[] | undefined;
  /** Key that the status showed before. */
  readonly formerKeyX: string | undefined;
  /** Live pods with an agent that the binding selects. */
  readonly recipients: readonly ObservedRecipient[];
  readonly conditions: readonly Condition[];
  /** Prefix of the names of ServiceAccounts: `spiffe://<td>/ns/<ns>/sa/`. */
  readonly recipientPrefix: string;
}

export const conditionTypes = ['Ready', 'Reconciling', 'Stalled', 'Accepted', 'Populated', 'Delivered'] as const;
export type ConditionType = (typeof conditionTypes)[number];

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** Why pods wait. */
export type WaitingReason =
  | 'NotWritten'
  | 'KeysMissing'
  | 'RewriteNeeded'
  | 'Sealed'
  | 'ServerUnreachable'
  | 'OnceManyPods'
  | 'InstanceReplaced'
  | 'NoBinding';

export interface Waiting {
  readonly reason: WaitingReason;
  /** What is wrong, and the command that helps. */
  readonly message: string;
}

export interface BindingDecision {
  readonly status: Readonly<Record<string, unknown>> & { readonly conditions: readonly Condition[] };
  /** Why all pods wait; undefined while none need to. */
  readonly waiting: Waiting | undefined;
  readonly requeueAfterSeconds: number;
}

interface Verdict {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** Nothing tells of a write: the status follows it by looking. */
const lookAgainSeconds = 15;
const sealedLookAgainSeconds = 5;

const faultMessages: Readonly<Record<BindingFault, string>> = {
  CrossNamespaceForbidden: 'Only ServiceAccounts of the namespace of the binding receive',
  NotYetSupported: 'keyHeldBy Pod and Reader are not yet supported',
  TooLarge: 'The secrets of the binding are too large together',
  PathRepeated: 'Two files have one path',
  Unreadable: 'The binding is not what its definition demands: apply the present definition and the binding again',
};

/** The status of a binding on which no right may rest. */
export function decideFaultyBinding(
  fault: BindingFault,
  o: { readonly generation: number; readonly nowSeconds: number; readonly conditions: readonly Condition[] },
): BindingDecision {
  const bad: Verdict = { status: 'False', reason: fault, message: faultMessages[fault] };
  const verdicts: Record<ConditionType, Verdict> = {
    Accepted: bad,
    Ready: bad,
    Stalled: { ...bad, status: 'True' },
    Reconciling: { status: 'False', reason: 'Stalled', message: '' },
    Populated: { status: 'Unknown', reason: fault, message: '' },
    Delivered: { status: 'Unknown', reason: fault, message: '' },
  };
  return {
    status: { observedGeneration: o.generation, conditions: conditionsOf(verdicts, o) },
    waiting: undefined,
    requeueAfterSeconds: 600,
  };
}

export function decideBinding(binding: Binding, observed: ObservedBinding): BindingDecision {
  const waiting = findWaiting(binding, observed);
  const isKnown = observed.secrets !== undefined && observed.publicKey !== undefined;
  const populated: Verdict =
    waiting === undefined
      ? { status: 'True', reason: 'Written', message: 'Every secret has a version for every ServiceAccount' }
      : { status: isKnown ? 'False' : 'Unknown', ...waiting };
  const accepted: Verdict =
    isKnown || observed.formerKeyX !== undefined
      ? { status: 'True', reason: 'Accepted', message: 'Writers can encrypt to the public key' }
      : { status: 'Unknown', reason: 'Sealed', message: 'The service is sealed: unseal it with "letterlock unseal"' };
  const rows = (observed.secrets ?? []).map((secret) => countedSecret(binding, secret, observed.recipients));
  const delivered = populated.status === 'True' ? deliveredOf(observed.recipients, rows) : { ...populated };
  const ready = { Accepted: accepted, Populated: populated, Delivered: delivered }[binding.readyWhen];
  const verdicts: Record<ConditionType, Verdict> = {
    Accepted: accepted,
    Populated: populated,
    Delivered: delivered,
    Ready: ready.status === 'True' ? ready : { ...ready, status: 'False' },
    Reconciling:
      ready.status === 'True'
        ? { status: 'False', reason: 'Done', message: '' }
        : { status: 'True', reason: ready.reason, message: ready.message },
    Stalled: { status: 'False', reason: 'Accepted', message: '' },
  };
  return {
    status: {
      observedGeneration: binding.generation,
      ...(observed.publicKey === undefined ? {} : { publicKey: observed.publicKey }),
      conditions: conditionsOf(verdicts, { ...observed, generation: binding.generation }),
      recipientCount: observed.recipients.length,
      ...(observed.secrets === undefined ? {} : { ...summaryOf(observed, rows), secrets: rows.map(secretRow) }),
    },
    waiting,
    requeueAfterSeconds: isKnown ? lookAgainSeconds : sealedLookAgainSeconds,
  };
}

/** Why all pods of a binding wait. The first reason wins: it is the one to act on first. */
export function findWaiting(
  binding: Binding,
  observed: Pick<ObservedBinding, 'secrets' | 'publicKey' | 'formerKeyX' | 'recipientPrefix'> & {
    readonly recipients: { readonly length: number };
  },
): Waiting | undefined {
  const { secrets, publicKey, formerKeyX } = observed;
  const pods = observed.recipients.length;
  if (secrets === undefined || publicKey === undefined) {
    return { reason: 'Sealed', message: 'The service is sealed: unseal it with "letterlock unseal"' };
  }
  const place = `${binding.namespace}/${binding.name}`;
  const once = binding.secrets.find(({ opens }) => opens === 'Once');
  if (once !== undefined && pods > 1) {
    return {
      reason: 'OnceManyPods',
      message: `${once.name} opens once, and ${pods} pods are selected: run one pod, or narrow podSelector`,
    };
  }
  const unwritten = secrets.filter(({ version, isGone }) => version === undefined || isGone === true);
  if (unwritten.length > 0) {
    const names = unwritten.map(({ name }) => name).join(', ');
    const isReplaced = formerKeyX !== undefined && formerKeyX !== publicKey.x;
    return {
      reason: isReplaced ? 'InstanceReplaced' : 'NotWritten',
      message: `${isReplaced ? 'The service began anew and has none of' : 'Nobody has written'} ${names}: letterlock secret write ${unwritten[0]!.name} --binding ${place}`,
    };
  }
  const demanded = binding.serviceAccountNames.map((name) => `${observed.recipientPrefix}${name}`);
  const narrow = secrets.find(({ recipients = [] }) => demanded.some((each) => !recipients.includes(each)));
  if (narrow !== undefined) {
    return {
      reason: 'RewriteNeeded',
      message: `${narrow.name} was written before a ServiceAccount was added: letterlock secret write ${narrow.name} --binding ${place}`,
    };
  }
  return undefined;
}

/** A secret, and how many pods have its latest version. */
interface CountedSecret extends ObservedSecret {
  readonly delivered: number;
  readonly opened: number;
  readonly pending: number;
}

function countedSecret(
  { name, writers }: Binding,
  secret: ObservedSecret,
  recipients: readonly ObservedRecipient[],
): CountedSecret {
  const given = recipients.flatMap(({ deliveries }) =>
    deliveries.filter((delivery) => delivery.binding === name && isLatest(delivery, secret)),
  );
  const { writer } = secret;
  const known = writers.identities.find(({ thumbprint }) => thumbprint === writer)?.name;
  return {
    ...secret,
    ...(known === undefined ? {} : { writer: `id:${known}` }),
    delivered: given.length,
    opened: given.filter(({ opened }) => opened !== undefined).length,
    pending: recipients.length - given.length,
  };
}

/** What opens once has no versions: what was given before the last write was another. */
function isLatest({ secret, ver, at }: ObservedDelivery, { name, version, writtenAtSeconds }: ObservedSecret): boolean {
  return secret === name && (ver === undefined ? at >= (writtenAtSeconds ?? 0) : ver === version);
}

function deliveredOf(recipients: readonly ObservedRecipient[], rows: readonly CountedSecret[]): Verdict {
  const count = recipients.length;
  if (count === 0) return { status: 'Unknown', reason: 'NoRecipients', message: 'No pod with an agent is selected' };
  const waiting = recipients.flatMap((recipient) => recipient.waiting ?? []);
  const [first] = waiting;
  if (first !== undefined) {
    return { status: 'False', reason: first.reason, message: `${waiting.length} of ${count} pods: ${first.message}` };
  }
  const has = Math.min(...rows.map(({ delivered }) => delivered));
  return has < count
    ? { status: 'False', reason: 'Delivering', message: `${has} of ${count} pods have the latest versions` }
    : { status: 'True', reason: 'Delivered', message: `${count} pods have the latest versions` };
}

/** What kubectl shows in a line. */
function summaryOf(
  { recipients }: Pick<ObservedBinding, 'recipients'>,
  rows: readonly CountedSecret[],
): Readonly<Record<string, unknown>> {
  const [last] = rows
    .filter(({ writtenAtSeconds }) => writtenAtSeconds !== undefined)
    .toSorted((one, other) => other.writtenAtSeconds! - one.writtenAtSeconds!);
  const opened = Math.min(recipients.length, ...rows.map((row) => row.opened));
  return {
    openedCount: opened,
    ...(last === undefined ? {} : { lastWrittenAt: timeOf(last.writtenAtSeconds!) }),
    ...(last?.writer === undefined ? {} : { lastWrittenBy: last.writer }),
  };
}

function secretRow(secret: CountedSecret): Readonly<Record<string, unknown>> {
  const { name, version, writtenAtSeconds, writer, expiresAtSeconds, pending, delivered, opened } = secret;
  return {
    name,
    ...(version === undefined ? {} : { latestVersion: version }),
    ...(writtenAtSeconds === undefined ? {} : { writtenAt: timeOf(writtenAtSeconds) }),
    ...(writer === undefined ? {} : { writtenBy: writer }),
    pending,
    delivered,
    opened,
    ...(expiresAtSeconds === undefined ? {} : { expiresAt: timeOf(expiresAtSeconds) }),
  };
}

/** A condition keeps its time while its status stays. */
function conditionsOf(
  verdicts: Record<ConditionType, Verdict>,
  o: { readonly generation: number; readonly nowSeconds: number; readonly conditions: readonly Condition[] },
): readonly Condition[] {
  return conditionTypes.map((type) => {
    const verdict = verdicts[type];
    const before = o.conditions.find((each) => each.type === type);
    return {
      type,
      ...verdict,
      observedGeneration: o.generation,
      lastTransitionTime: before?.status === verdict.status ? before.lastTransitionTime : timeOf(o.nowSeconds),
    };
  });
}
