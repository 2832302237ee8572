/**
 * One run: load, faults by the schedule, the last reading of everything, and the judgement.
 * It must never end with processes left, nor judge before everything has been read.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ClientOptions, LetterlockClient } from '@letterlock/client';
import { createAsker, type Target } from './asking.ts';
import { checkAudit, type AuditReport } from './check-audit.ts';
import { checkHistory, type Violation } from './check-history.ts';
import { faults } from './faults.ts';
import { nowMilliseconds, Recorder, type History } from './history.ts';
import { startInstallation, type Installation } from './installation.ts';
import { inParallel, Load } from './load.ts';
import { readStore } from './read-store.ts';
import type { Replica } from './replica.ts';
import { scheduleOf } from './schedule.ts';
import { seededChance } from './seeded.ts';

export interface RunOptions {
  readonly seed: number;
  readonly items: number;
  readonly faults: number;
  /** Part of the names of faults to choose from. */
  readonly only: string;
  readonly print: (line: string) => void;
}

export interface RunReport {
  readonly history: History;
  readonly faults: number;
  readonly violations: readonly Violation[];
  readonly audit: AuditReport;
  /** Longest time after the kill of a leader until all replicas served again; undefined if none was killed. */
  readonly servingAgainMilliseconds: number | undefined;
}

const signals = ['SIGINT', 'SIGTERM'] as const;
const concurrency = 12;
/** An answer that takes longer than two deadlines of the store is given up and asked for again. */
const attemptMilliseconds = 4500;
const probeMilliseconds = 2500;

export async function run(options: RunOptions): Promise<RunReport> {
  const { seed, print } = options;
  const chance = seededChance(seed);
  const planned = scheduleOf(options.faults, chance, options.only);
  const recorder = new Recorder();
  using signalled = breakingOnSignals();
  await using installation = await startInstallation(() => recorder.misreported());
  print(`etcd with three members, replicas A, B and C unsealed by two of three admins`);
  const load = loadOf(installation, recorder, seed + 1, { attemptTimeoutMilliseconds: attemptMilliseconds });
  const prober = loadOf(installation, recorder, seed + 2, {
    attemptTimeoutMilliseconds: probeMilliseconds,
    maximumConnections: 64,
  });
  const serving: number[] = [];
  const stage = {
    installation,
    load,
    prober,
    recorder,
    chance,
    onServingAgain: (milliseconds: number) => void serving.push(milliseconds),
  };
  const share = Math.ceil(options.items / Math.max(1, planned.length));
  for (const [index, name] of planned.entries()) {
    const startedAt = nowMilliseconds();
    const before = recorder.callCount;
    const items = Array.from({ length: share }, () => () => load.one());
    const loaded = inParallel(items, concurrency);
    // Somewhere in the load, not always at its beginning.
    await pause(chance.below(400));
    await Promise.race([Promise.all([loaded, faults[name](stage)]), signalled.broken]);
    const seconds = ((nowMilliseconds() - startedAt) / 1000).toFixed(1);
    print(`${`${index + 1}`.padStart(3)}  ${name}: ${recorder.callCount - before} calls in ${seconds} s`);
  }
  await Promise.race([load.finish(concurrency), signalled.broken]);
  await Promise.race([prober.finish(concurrency), signalled.broken]);
  // Awaited here: the installation ends when this function is left.
  return await judge(installation, recorder, planned.length, serving);
}

/** `broken` rejects when the run is broken off, so that what was started is ended as at its end. */
function breakingOnSignals(): Disposable & { readonly broken: Promise<never> } {
  const { promise: broken, reject } = Promise.withResolvers<never>();
  const stop = (signal: string): void => reject(new Error(`Broken off by ${signal}`));
  broken.catch(() => undefined);
  for (const signal of signals) process.once(signal, stop);
  return {
    broken,
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, stop);
    },
  };
}

async function judge(
  installation: Installation,
  recorder: Recorder,
  count: number,
  serving: readonly number[],
): Promise<RunReport> {
  const { history } = recorder;
  const { states, records } = await readStore(installation);
  const versions = history.calls.flatMap(({ item, asked, answer }) =>
    asked.do === 'write' && answer.is === 'ok' ? [`${item}#${asked.ver}`] : [],
  );
  const wraps = history.items.flatMap(({ kind, name }) => (kind === 'wrap' ? [name] : []));
  const audit = checkAudit({ states, records, wraps, versions, calls: history.calls });
  return {
    history,
    faults: count,
    violations: [...checkHistory(history), ...audit.violations],
    audit,
    servingAgainMilliseconds: serving.length === 0 ? undefined : Math.max(...serving),
  };
}

/** People with clients of their own, one for each identity and target. */
function loadOf(
  installation: Installation,
  recorder: Recorder,
  seed: number,
  clientOptions: Partial<ClientOptions>,
): Load {
  const chance = seededChance(seed);
  const { replicas, people } = installation;
  const targetOf = (name: string, some: readonly Replica[], options: Partial<ClientOptions>): Target => {
    const clients = new Map<string, LetterlockClient>();
    return {
      name,
      clientOf: (identity) => {
        const client = clients.get(identity.id) ?? installation.client(some, identity, options);
        clients.set(identity.id, client);
        return client;
      },
    };
  };
  const targets = [
    // One attempt, so that each has its place in the history.
    ...replicas.map((replica) => targetOf(replica.name, [replica], { attempts: 1, ...clientOptions })),
    targetOf('any', replicas, { pick: (count) => chance.below(count), ...clientOptions }),
  ];
  return new Load({ recorder, asker: createAsker({ recorder, targets, chance }), people, chance });
}
