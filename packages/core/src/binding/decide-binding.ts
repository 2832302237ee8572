/**
 * From a SecretBinding and what was observed to its status, its events, and when to look again. Pure.
 * It must never make Ready wait for a write unless the binding says so: a pipeline that writes would wait for itself.
 * @module
 */
import type { Binding, BindingFault } from './binding.ts';

/** What the store says of one secret; undefined version: never written. */
export interface ObservedSecret {
  readonly name: string;
  readonly version?: number;
  readonly writtenAtSeconds?: number;
  readonly writer?: string;
  readonly expiresAtSeconds?: number;
  /** `spiffe://…` of every recipient of the latest version. */
  readonly recipients?: readonly string[];
  /** Destroyed or expired: there is nothing to deliver. */
  readonly isGone?: boolean;
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
  /** Live pods that the binding selects. */
  readonly pods: number;
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
  'NotWritten' | 'KeysMissing' | 'RewriteNeeded' | 'Sealed' | 'ServerUnreachable' | 'OnceManyPods' | 'InstanceReplaced';

export interface BindingDecision {
  readonly status: Readonly<Record<string, unknown>> & { readonly conditions: readonly Condition[] };
  /** Why pods wait, with what to do; undefined while none need to. */
  readonly waiting: { readonly reason: WaitingReason; readonly message: string } | undefined;
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
  const waiting = waitingOf(binding, observed);
  const isKnown = observed.secrets !== undefined && observed.publicKey !== undefined;
  const populated: Verdict =
    waiting === undefined
      ? { status: 'True', reason: 'Written', message: 'Every secret has a version for every ServiceAccount' }
      : { status: isKnown ? 'False' : 'Unknown', ...waiting };
  const accepted: Verdict =
    isKnown || observed.formerKeyX !== undefined
      ? { status: 'True', reason: 'Accepted', message: 'Writers can encrypt to the public key' }
      : { status: 'Unknown', reason: 'Sealed', message: 'The service is sealed: unseal it with "letterlock unseal"' };
  const delivered: Verdict =
    populated.status === 'True'
      ? { status: 'Unknown', reason: 'NotReported', message: `${observed.pods} pods are selected` }
      : { ...populated };
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
      recipientCount: observed.pods,
      ...(observed.secrets === undefined ? {} : { secrets: observed.secrets.map(secretRow) }),
    },
    waiting: observed.pods > 0 ? waiting : undefined,
    requeueAfterSeconds: isKnown ? lookAgainSeconds : sealedLookAgainSeconds,
  };
}

/** The first reason wins: it is the one to act on first. */
function waitingOf(binding: Binding, observed: ObservedBinding): BindingDecision['waiting'] {
  const { secrets, publicKey, pods, formerKeyX } = observed;
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

function secretRow(secret: ObservedSecret): Readonly<Record<string, unknown>> {
  const { name, version, writtenAtSeconds, writer, expiresAtSeconds } = secret;
  return {
    name,
    ...(version === undefined ? {} : { latestVersion: version }),
    ...(writtenAtSeconds === undefined ? {} : { writtenAt: timeOf(writtenAtSeconds) }),
    ...(writer === undefined ? {} : { writtenBy: writer }),
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

const secondsOfDay = 86_400;

/** RFC 3339 in UTC, without a clock. @source the civil calendar of days since 1970 */
function timeOf(seconds: number): string {
  const days = Math.floor(seconds / secondsOfDay);
  const rest = seconds - days * secondsOfDay;
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(rest / 3600);
  return `${year}-${two(month)}-${two(day)}T${two(hours)}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}Z`;
}
