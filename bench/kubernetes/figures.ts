/**
 * Figures from single measurements: percentiles, load in a closed loop, rows of a table, and the machine they are of.
 * It must never average away a slow one.
 * @module
 */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** Nearest rank. @param values - any order. @throws RangeError for none */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  const found = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (found === undefined) throw new RangeError('Cannot take a percentile of nothing');
  return found;
}

export interface LoadOptions {
  readonly concurrency: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** One request of a worker, from its first byte to its answer. */
  readonly once: (worker: number) => Promise<void>;
}

export interface LoadFigures {
  readonly perSecond: number;
  /** Milliseconds, of those that count. */
  readonly latencies: readonly number[];
  /** When counting began and ended, `performance.now()`. */
  readonly countedMilliseconds: number;
}

/** Closed loop: each worker asks again when it was answered. `counting` is called when the warm-up is over. */
export async function measureLoad(o: LoadOptions, counting: () => void = () => undefined): Promise<LoadFigures> {
  const begin = performance.now() + o.warmUpSeconds * 1000;
  const end = begin + o.seconds * 1000;
  const latencies: number[] = [];
  let isCounting = false;
  const work = async (worker: number): Promise<void> => {
    for (let now = performance.now(); now < end; now = performance.now()) {
      if (!isCounting && now >= begin) {
        isCounting = true;
        counting();
      }
      await o.once(worker);
      if (now >= begin) latencies.push(performance.now() - now);
    }
  };
  await Promise.all(Array.from({ length: o.concurrency }, (_, worker) => work(worker)));
  const countedMilliseconds = performance.now() - begin;
  return { perSecond: (latencies.length * 1000) / countedMilliseconds, latencies, countedMilliseconds };
}

/** p50, p95 and p99, milliseconds. */
export function latencyText(latencies: readonly number[]): string {
  return [50, 95, 99].map((percent) => percentile(latencies, percent).toFixed(1)).join('/');
}

/** Rows as Markdown. */
export function tableLines(heading: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)];
}

/** CPU seconds of a process and its threads so far. Linux only. */
export function cpuSecondsOf(processId: number): number {
  const stat = readFileSync(`/proc/${processId}/stat`, 'utf8');
  // The name may hold spaces and parentheses; user and system time are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

const ticksPerSecond = 100;

/** What the figures are of. */
export function machineLine(): string {
  const all = cpus();
  const gibibytes = Math.round(totalmem() / 1024 ** 3);
  const load = loadavg()
    .map((each) => each.toFixed(1))
    .join(' ');
  const model = all[0]?.model ?? 'unknown';
  return `${model}, ${all.length} cores, ${gibibytes} GiB, Linux ${release()}, Node ${process.versions.node}; load before: ${load}`;
}
