/**
 * Asks Prometheus' own code which alerts of deploy/alerts.yaml hold for what was scraped.
 * It must never judge an expression itself.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

const root = new URL('../../../../', import.meta.url).pathname;
/** The first build on a machine fetches and compiles Prometheus' engine. */
export const alertsBuildMilliseconds = 600_000;
export const rulesPath = `${root}deploy/alerts.yaml`;
/** Time between two scrapes, as the rules see it; the test does not wait for it. */
const scrapeSeconds = 15;
const waitMilliseconds = 30_000;
const pollMilliseconds = 50;

export interface Verdict {
  /** All alerts of the file. */
  readonly alerts: readonly string[];
  /** Those whose expression holds at the last scrape; how long it must hold is not waited for. */
  readonly holding: readonly string[];
  /** What the rules select and nothing exports. */
  readonly unknown: readonly string[];
}

/** Builds the program, once for each source. */
export function buildAlerts(): string {
  const options = { encoding: 'utf8', timeout: alertsBuildMilliseconds } as const;
  const { status, stdout, stderr } = spawnSync(`${root}tools/alerts/build.sh`, options);
  if (status !== 0) throw new Error(`Cannot build the reader of alert rules: ${stderr}`);
  return stdout.trim();
}

interface Scrape {
  readonly job: string;
  readonly instance: string;
  readonly seconds: number;
  readonly text: string;
}

/** What one set of targets exported, from now on. */
export class Scrapes {
  readonly #program: string;
  readonly #scrapes: Scrape[] = [];
  #seconds = Math.floor(Date.now() / 1000);

  constructor(program: string) {
    this.#program = program;
  }

  /** Scrapes each target, by job and the address of its metrics. */
  async take(targets: Readonly<Record<string, string | undefined>>): Promise<void> {
    for (const [job, address] of Object.entries(targets)) {
      const answer = await fetch(`${address}/metrics`);
      if (!answer.ok) throw new Error(`Cannot scrape ${job}: status ${answer.status}`);
      this.#scrapes.push({ job, instance: job, seconds: this.#seconds, text: await answer.text() });
    }
    this.#seconds += scrapeSeconds;
  }

  /** Waits until a target exports what is wanted, then scrapes it once. @throws after half a minute */
  async takeWhen(targets: Readonly<Record<string, string | undefined>>, wanted: RegExp): Promise<void> {
    const [address] = Object.values(targets);
    const end = performance.now() + waitMilliseconds;
    for (;;) {
      const text = await (await fetch(`${address}/metrics`)).text();
      if (wanted.test(text)) break;
      if (performance.now() > end) throw new Error(`Cannot go on: ${String(wanted)} is not exported`);
      await pause(pollMilliseconds);
    }
    await this.take(targets);
  }

  judge(): Verdict {
    const input = JSON.stringify({ rules: rulesPath, scrapes: this.#scrapes });
    const { status, stdout, stderr } = spawnSync(this.#program, { input, encoding: 'utf8', maxBuffer: 1 << 24 });
    if (status !== 0) throw new Error(`Cannot judge alert rules: ${stderr}`);
    return JSON.parse(stdout) as Verdict;
  }
}
