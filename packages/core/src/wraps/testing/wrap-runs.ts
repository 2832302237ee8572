/**
 * The production runs as a graph: every way in which one request can go on, found by replaying the coroutine itself.
 * It must never describe what a run does: it only asks it.
 * @module
 */
import { AuditTrail } from '../../audit/audit-trail.ts';
import type { AuditFacts } from '../../audit/record.ts';
import { runWrap, type StoreCall, type StoreReply, type WrapOutcome, type WrapTask } from '../run-wrap.ts';
import { plainBarrier } from './model-store.ts';

const noAnswer = new Error('no answer');

/** What a run was told at one step, and the time that its clock showed then. */
interface Told {
  readonly reply: StoreReply | undefined;
  readonly now: number;
}

export interface RunNode {
  readonly id: number;
  /** Name of the run: its replica, so that its audit numbers are its own. */
  readonly name: string;
  readonly task: WrapTask;
  readonly call: StoreCall | undefined;
  readonly outcome: WrapOutcome | undefined;
  /** Thrown; undefined for the lost answer that a caller is told as `unavailable`. */
  readonly error: unknown;
  readonly hasFailed: boolean;
  /** Whether the last step looked at the clock: if not, its time makes no difference. */
  readonly hasAskedTime: boolean;
  readonly told: readonly Told[];
}

export class WrapRuns {
  readonly #nodes = new Map<string, RunNode>();

  /** First step of a run. */
  start(name: string, task: WrapTask, now: number): RunNode {
    return this.#node(`${name}@${now}`, name, task, [{ reply: undefined, now }]);
  }

  /** Next step. `replyKey` names the reply; undefined reply: no answer. */
  next(node: RunNode, reply: StoreReply | undefined, replyKey: string, now: number): RunNode {
    const key = `${node.id}>${replyKey}@${now}`;
    const told = reply ?? { isAnswered: false, error: noAnswer };
    return this.#node(key, node.name, node.task, [...node.told, { reply: told, now }]);
  }

  #node(key: string, name: string, task: WrapTask, told: readonly Told[]): RunNode {
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const node = { id: this.#nodes.size, name, task, told, ...replay(name, task, told) };
    this.#nodes.set(key, node);
    return node;
  }
}

function replay(
  name: string,
  task: WrapTask,
  told: readonly Told[],
): Pick<RunNode, 'call' | 'outcome' | 'error' | 'hasFailed' | 'hasAskedTime'> {
  let now = 0;
  let hasAskedTime = false;
  const clock = {
    nowSeconds: () => {
      hasAskedTime = true;
      return now;
    },
    monotonicSeconds: () => 0,
  };
  // The audit record's own time is not looked at by anybody, so it does not count as asking.
  const audit = new AuditTrail({
    replica: name,
    barrier: plainBarrier,
    clock: { nowSeconds: () => 0, monotonicSeconds: () => 0 },
  });
  const run = runWrap(task, { barrier: plainBarrier, audit, clock });
  const nothing = { call: undefined, outcome: undefined, error: undefined, hasFailed: false };
  try {
    let step: IteratorResult<StoreCall, WrapOutcome> | undefined;
    for (const each of told) {
      ({ now } = each);
      hasAskedTime = false;
      step = each.reply === undefined ? run.next() : run.next(each.reply);
    }
    if (step === undefined) throw new Error('A run was told nothing');
    return step.done === true
      ? { ...nothing, outcome: step.value, hasAskedTime }
      : { ...nothing, call: step.value, hasAskedTime };
  } catch (error) {
    return { ...nothing, error: error === noAnswer ? undefined : error, hasFailed: true, hasAskedTime };
  }
}

/** Facts for a record that nobody reads. */
export function factsFor(who: string): WrapTask['factsOf'] {
  return (act): AuditFacts => ({
    act,
    who,
    factor: 'proof',
    listener: 'direct',
    cb: 'exporter',
    obj: 'wrap/w',
    outcome: 'ok',
    reason: 'ok',
    req: 'r',
  });
}
