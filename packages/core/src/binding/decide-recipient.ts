/**
 * From a pod with an agent and what was observed to the status of its SecretRecipient, and to why it waits. Pure.
 * It must never say that something was opened of which the service does not know it.
 * @module
 */
import type { ObservedSecret, Waiting } from './decide-binding.ts';
import type { ObservedPod } from './observed-pod.ts';
import { timeOf } from './time-of.ts';

/** What a pod was given of one secret; `ver` is absent for what opens once. */
export interface ObservedDelivery {
  readonly binding: string;
  readonly secret: string;
  readonly ver?: number;
  readonly at: number;
  readonly opened?: number;
}

/** What is stored about a pod. */
export interface ObservedRecords {
  /** Of its enrolled agent. */
  readonly keyset: string | undefined;
  readonly chain: readonly string[] | undefined;
  readonly deliveries: readonly ObservedDelivery[];
}

/** A binding that selects the pod. */
export interface SelectingBinding {
  readonly name: string;
  /** Undefined before anybody has looked. */
  readonly secrets: readonly ObservedSecret[] | undefined;
  /** Why all of its pods wait. */
  readonly waiting: Waiting | undefined;
}

export type RecipientPhase = 'Injected' | 'Enrolled' | 'AwaitingWrite' | 'Delivered' | 'Opened' | 'Failed';

export interface RecipientWorld {
  readonly nowSeconds: number;
  readonly pod: ObservedPod;
  /** Undefined while sealed. */
  readonly records: ObservedRecords | undefined;
  readonly bindings: readonly SelectingBinding[];
  /** Where agents reach the service. */
  readonly service: string;
  /** Its recipient has no status yet. */
  readonly isNew: boolean;
}

export interface RecipientDecision {
  /** Undefined: what is there stays, since nothing is known. */
  readonly status: RecipientStatus | undefined;
  /** What to tell people at the pod. */
  readonly waiting: Waiting | undefined;
  readonly requeueAfterSeconds: number | undefined;
}

export interface RecipientStatus {
  readonly phase: RecipientPhase;
  readonly message: string;
  readonly keyset?: string;
  readonly chain?: readonly string[];
  readonly lastOpenedAt?: string;
  readonly versions: readonly RecipientVersion[];
}

export interface RecipientVersion {
  readonly binding: string;
  readonly secret: string;
  readonly version?: number;
  readonly deliveredAt?: string;
  readonly openedAt?: string;
}

/** Nobody is alarmed about a pod that starts. */
const quietSeconds = 10;
const soonSeconds = 5;
const sayAgainSeconds = 300;
/** What the definition allows. */
const mostVersions = 256;
const messageCharacters = 1024;
const unknown: ObservedRecords = { keyset: undefined, chain: undefined, deliveries: [] };

export function decideRecipient(world: RecipientWorld): RecipientDecision {
  const { pod, records, nowSeconds } = world;
  const isWaiting = !pod.hasEnded && !pod.hasFiles;
  const age = nowSeconds - pod.createdAtSeconds;
  const waiting = isWaiting && age >= quietSeconds ? waitingOf(world) : undefined;
  return {
    status: records === undefined && !world.isNew ? undefined : statusOf(world, records ?? unknown, waiting),
    waiting,
    requeueAfterSeconds: isWaiting ? lookAgainSeconds(age, waiting) : undefined,
  };
}

function lookAgainSeconds(age: number, waiting: Waiting | undefined): number {
  if (age < quietSeconds) return quietSeconds - age;
  // Time alone makes a reason of it.
  return waiting === undefined ? soonSeconds : sayAgainSeconds;
}

/** The first reason wins: it is the one to act on first. */
function waitingOf({ pod, records, bindings, nowSeconds, service }: RecipientWorld): Waiting | undefined {
  const place = `${pod.namespace}/${pod.name}`;
  const log = `kubectl -n ${pod.namespace} logs ${pod.name} -c letterlock-agent`;
  if (records === undefined) {
    return { reason: 'Sealed', message: 'The service is sealed: unseal it with "letterlock unseal"' };
  }
  const ofBinding = bindings.find(({ waiting }) => waiting !== undefined)?.waiting;
  if (ofBinding !== undefined) return ofBinding;
  const since = pod.agentSinceSeconds;
  if (records.keyset === undefined) {
    if (since === undefined || nowSeconds - since < quietSeconds) return undefined;
    return {
      reason: 'ServerUnreachable',
      message: `The agent of ${place} has not enrolled: allow it to reach ${service}, and see why with: ${log}`,
    };
  }
  const taken = bindings
    .flatMap((binding) => (binding.secrets ?? []).map((secret) => ({ binding, secret })))
    .find(({ binding, secret }) => secret.isTaken === true && givenOf(records, binding, secret) === undefined);
  if (taken !== undefined) {
    return {
      reason: 'NotWritten',
      message: `Another pod has opened what opens once: a writer pod writes it again, see its writers with: kubectl -n ${pod.namespace} get lsb ${taken.binding.name} -o yaml`,
    };
  }
  const given = bindings.flatMap((binding) =>
    (binding.secrets ?? []).map((secret) => givenOf(records, binding, secret)),
  );
  const isSettled = given.every((delivery) => delivery !== undefined && nowSeconds - delivery.at >= quietSeconds);
  const [first] = bindings;
  if (first === undefined) {
    return {
      reason: 'NoBinding',
      message: `No SecretBinding selects ${place}: kubectl letterlock explain pod ${pod.name} -n ${pod.namespace}`,
    };
  }
  if (given.length === 0 || !isSettled) return undefined;
  return {
    reason: 'KeysMissing',
    message: `${place} has every secret, and not every file can be made of their keys: see which with: ${log} and write again with all keys: ${writeCommand(pod, first, first.secrets?.[0])}`,
  };
}

function writeCommand(pod: ObservedPod, { name }: SelectingBinding, secret: ObservedSecret | undefined): string {
  return `letterlock secret write ${secret?.name ?? ''} --binding ${pod.namespace}/${name}`;
}

function statusOf(world: RecipientWorld, records: ObservedRecords, waiting: Waiting | undefined): RecipientStatus {
  const { pod, bindings } = world;
  const versions = versionsOf(bindings, records);
  const opened = records.deliveries.flatMap(({ opened: at }) => (at === undefined ? [] : [at]));
  const { phase, message } = phaseOf(pod, records, bindings);
  return {
    phase,
    message: (waiting?.message ?? message).slice(0, messageCharacters),
    ...(records.keyset === undefined ? {} : { keyset: records.keyset }),
    ...(records.chain === undefined ? {} : { chain: records.chain }),
    ...(opened.length === 0 ? {} : { lastOpenedAt: timeOf(Math.max(...opened)) }),
    versions,
  };
}

function phaseOf(
  pod: ObservedPod,
  records: ObservedRecords,
  bindings: readonly SelectingBinding[],
): { readonly phase: RecipientPhase; readonly message: string } {
  if (pod.hasFailed) return { phase: 'Failed', message: 'The pod has failed' };
  if (pod.agentFailure !== undefined) {
    return { phase: 'Failed', message: `The agent does not run: ${pod.agentFailure}` };
  }
  const secrets = bindings.flatMap((binding) => (binding.secrets ?? []).map((secret) => ({ binding, secret })));
  const isKnown = secrets.length > 0 && bindings.every((binding) => binding.secrets !== undefined);
  const given = secrets.map(({ binding, secret }) => givenOf(records, binding, secret));
  if (isKnown && given.every((each) => each?.opened !== undefined)) return { phase: 'Opened', message: '' };
  if (isKnown && given.every((each) => each !== undefined)) {
    return { phase: 'Delivered', message: 'Not every secret was acknowledged yet' };
  }
  if (records.keyset === undefined) return { phase: 'Injected', message: '' };
  const unwritten = secrets.filter(
    ({ binding, secret }, index) =>
      given[index] === undefined && (isUnwritten(secret) || binding.waiting !== undefined),
  );
  return unwritten.length === 0 ? { phase: 'Enrolled', message: '' } : { phase: 'AwaitingWrite', message: '' };
}

/** Of whatever version: a pod that waits for an update has its secret. */
function givenOf(
  { deliveries }: ObservedRecords,
  { name }: SelectingBinding,
  secret: ObservedSecret,
): ObservedDelivery | undefined {
  return deliveries.find((delivery) => delivery.binding === name && delivery.secret === secret.name);
}

function isUnwritten({ version, isGone, isTaken }: ObservedSecret): boolean {
  return version === undefined || isGone === true || isTaken === true;
}

/** All that was given, and what is still to be. */
function versionsOf(
  bindings: readonly SelectingBinding[],
  { deliveries }: ObservedRecords,
): readonly RecipientVersion[] {
  const rows = new Map<string, RecipientVersion>();
  for (const { name: binding, secrets = [] } of bindings) {
    for (const { name: secret } of secrets) rows.set(`${binding}/${secret}`, { binding, secret });
  }
  for (const { binding, secret, ver, at, opened } of deliveries) {
    rows.set(`${binding}/${secret}`, {
      binding,
      secret,
      ...(ver === undefined ? {} : { version: ver }),
      deliveredAt: timeOf(at),
      ...(opened === undefined ? {} : { openedAt: timeOf(opened) }),
    });
  }
  return [...rows.entries()]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .slice(0, mostVersions)
    .map(([, row]) => row);
}
