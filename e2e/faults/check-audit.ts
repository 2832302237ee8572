/**
 * Holds the audit records of the store against its states and against what clients were given.
 * It must never believe a state that no record explains, nor a delivery that no record precedes.
 * @module
 */
import type { Violation } from './check-history.ts';
import type { Call } from './history.ts';

/** A record of the trail, as far as it is compared. */
export interface TrailRecord {
  readonly act: string;
  readonly obj: string;
  readonly who: string;
  readonly outcome: string;
  /** Seconds. */
  readonly at: number;
}

/** The state record of a wrap, as far as it is compared. */
export interface StoredState {
  readonly id: string;
  readonly s: string;
  /** Deliveries of its claim; 0 without one. */
  readonly deliveries: number;
}

export interface AuditReport {
  readonly violations: readonly Violation[];
  /** Changes of state that the store shows. */
  readonly changes: number;
  /** Records of such changes. */
  readonly records: number;
  readonly missing: number;
}

/** Acts that change a wrap → how often its state says that they happened. */
const wrapActs: Readonly<Record<string, (state: StoredState | undefined) => number>> = {
  'wrap.store': (state) => (state === undefined ? 0 : 1),
  'wrap.open': (state) => (state === undefined || state.deliveries === 0 ? 0 : 1),
  'wrap.redeliver': (state) => Math.max(0, (state?.deliveries ?? 0) - 1),
  'wrap.acknowledge': (state) => (state?.s === 'OPENED' ? 1 : 0),
  'wrap.revoke': (state) => (state?.s === 'REVOKED' ? 1 : 0),
  'wrap.burn': (state) => (state?.s === 'BURNED' ? 1 : 0),
  'wrap.expire': (state) => (state?.s === 'EXPIRED' ? 1 : 0),
};

/** @param o - `wraps`: ids of all wraps that were asked for; `versions`: secret versions that were acknowledged, as `path#version` */
export function checkAudit(o: {
  readonly records: readonly TrailRecord[];
  readonly states: readonly StoredState[];
  readonly wraps: readonly string[];
  readonly versions: readonly string[];
  readonly calls: readonly Call[];
}): AuditReport {
  const done = Map.groupBy(
    o.records.filter(({ outcome }) => outcome === 'ok'),
    ({ obj }) => obj,
  );
  const states = new Map(o.states.map((state) => [state.id, state]));
  const violations: Violation[] = [];
  let changes = 0;
  let found = 0;
  let missing = 0;
  const compare = (item: string, object: string, act: string, expected: number): void => {
    const count = (done.get(object) ?? []).filter((record) => record.act === act).length;
    changes += expected;
    found += count;
    missing += Math.max(0, expected - count);
    if (count !== expected) violations.push(audit(item, `${expected} times ${act}, and ${count} records of it`));
  };
  for (const id of o.wraps) {
    for (const [act, expected] of Object.entries(wrapActs)) compare(id, `wrap/${id}`, act, expected(states.get(id)));
  }
  for (const version of o.versions) compare(version.split('#')[0]!, `secret/${version}`, 'secret.write', 1);
  violations.push(...unrecordedDeliveries(o.calls, done));
  return { violations, changes, records: found, missing };
}

/** Each delivery needs a record of its own, written no later than it was received. */
function unrecordedDeliveries(
  calls: readonly Call[],
  done: ReadonlyMap<string, readonly TrailRecord[]>,
): readonly Violation[] {
  const deliveries = calls.filter(({ answer }) => answer.is === 'ok' && answer.content !== undefined);
  const byObject = Map.groupBy(deliveries, (call) => `${objectOf(call)} ${call.by}`);
  return [...byObject.values()].flatMap((received) => {
    const [{ item, by } = received[0]!] = received;
    const object = objectOf(received[0]!);
    const times = (done.get(object) ?? [])
      .filter(({ act, who }) => who === by && /^(?:wrap\.open|wrap\.redeliver|secret\.read)$/.test(act))
      .map(({ at }) => at)
      .toSorted((a, b) => a - b);
    const answered = received.map(({ to }) => Math.floor(to / 1000)).toSorted((a, b) => a - b);
    const unrecorded = answered.filter((at, index) => times[index] === undefined || times[index] > at).length;
    return unrecorded === 0 ? [] : [audit(item, `${unrecorded} deliveries of ${object} without a record before them`)];
  });
}

function objectOf({ item, asked, answer }: Call): string {
  if (asked.do === 'open') return `wrap/${item}`;
  return `secret/${item}#${answer.is === 'ok' ? answer.ver : ''}`;
}

function audit(item: string, what: string): Violation {
  return { kind: 'audit', item, what };
}
