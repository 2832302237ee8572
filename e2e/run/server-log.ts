/**
 * What the server has said: the code that a client is told stands for many reasons, and a test wants to know the one.
 * It must never take a line from before the step for one of it.
 * @module
 */
import type { World } from './world.ts';

/** A line of the log, as far as tests look at it. */
export interface LogLine {
  readonly msg: string;
  readonly [member: string]: unknown;
}

/** Lines of all replicas that are up, those of one replica in order. */
export function serverLog(world: World, namespace: string): readonly LogLine[] {
  const words = `-n ${namespace} logs -l app.kubernetes.io/component=server -c server --tail=-1 --max-log-requests=10`;
  return world
    .kubectl(words)
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []));
}

/** Remembers what was said before, and waits for a line after it. */
export class NewLines {
  readonly #world: World;
  readonly #namespace: string;
  readonly #before: ReadonlySet<string>;

  constructor(world: World, namespace: string) {
    this.#world = world;
    this.#namespace = namespace;
    this.#before = new Set(serverLog(world, namespace).map((line) => JSON.stringify(line)));
  }

  /** @throws Error with the new lines when none of them is such a one in time */
  async demand(what: string, isSuch: (line: LogLine) => boolean, seconds = 30): Promise<void> {
    let lines: readonly LogLine[] = [];
    try {
      await this.#world.eventually(
        what,
        () => {
          lines = serverLog(this.#world, this.#namespace).filter((line) => !this.#before.has(JSON.stringify(line)));
          return lines.some(isSuch);
        },
        seconds,
      );
    } catch {
      throw new Error(`The server did not say ${what}\n${lines.map((line) => JSON.stringify(line)).join('\n')}`);
    }
  }

  /** Waits for a refusal with this reason, of a request of either listener. */
  async demandRefusal(reason: string): Promise<void> {
    await this.demand(
      `that it refused by ${reason}`,
      (line) => line.msg.startsWith('Refused') && reasonOf(line) === reason,
    );
  }
}

/** The direct listener logs the error, the other one its reason. */
function reasonOf({ reason, error }: LogLine): unknown {
  return reason ?? (error as { readonly reason?: unknown } | undefined)?.reason;
}
