import { describe, expect, test } from '@jest/globals';
import { SecretBytes } from '@letterlock/crypto';
import { lifetimes } from '@letterlock/protocol';
import { NonceAuthority } from './nonce-authority.ts';
import { RedeemedNonces } from './redeemed-nonces.ts';

/*
 * An exhaustive search over the production NonceAuthority and its memory: every order of issuing, presenting to either of
 * two replicas again and again, restarting, and passing time, within bounds. Keys are fixed, so an authority is the same
 * whenever it is made; what changes is its memory, which is copied by repeating what was added to it.
 */

interface Bounds {
  readonly nonces: number;
  readonly startsPerReplica: number;
  readonly ticks: number;
  /** Redemptions of nonces that nobody presents again: they move the generations along. */
  readonly others: number;
}
/** Lands on the last second of a nonce, the first after it, and on both edges of a generation. */
const tickSeconds = [1, lifetimes.nonce / 2, lifetimes.nonce - 1] as const;
/** Ages from here on make no difference: every nonce has ended, every generation is over twice. */
const longAgo = 2 * lifetimes.nonce;
type Replica = 0 | 1;

type Addition = readonly [nonce: string, atSeconds: number];
interface Process {
  readonly replica: Replica;
  readonly start: number;
  readonly startedAt: number;
  readonly additions: readonly Addition[];
}
interface Issued {
  readonly text: string;
  readonly by: Replica;
  /** Which start of that replica issued it. */
  readonly start: number;
  readonly at: number;
  readonly accepted: number;
}
interface World {
  readonly now: number;
  readonly ticks: number;
  readonly others: number;
  readonly processes: readonly [Process, Process];
  readonly nonces: readonly Issued[];
  /** How it came about, for the message of a failure. */
  readonly path: string;
}

/** Forwards to the memory of the world that is being looked at, and notes what reaches it. */
class SwitchedMemory extends RedeemedNonces {
  target = new RedeemedNonces();
  noted: readonly Addition[] = [];

  override add(nonce: string, atSeconds: number): boolean {
    this.noted = [...this.noted, [nonce, atSeconds]];
    return this.target.add(nonce, atSeconds);
  }
}

function memoryOf({ additions }: Process): RedeemedNonces {
  const memory = new RedeemedNonces();
  for (const [nonce, atSeconds] of additions) memory.add(nonce, atSeconds);
  return memory;
}

class Search {
  readonly #bounds: Bounds;
  readonly #authorities = new Map<string, { readonly authority: NonceAuthority; readonly memory: SwitchedMemory }>();
  #now = 0;
  readonly #clock = { nowSeconds: () => 0, monotonicSeconds: () => this.#now };

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  run(): { readonly worlds: number; readonly accepted: number; readonly twice: string | undefined } {
    const start: World = {
      now: 0,
      ticks: 0,
      others: 0,
      processes: [
        { replica: 0, start: 0, startedAt: 0, additions: [] },
        { replica: 1, start: 0, startedAt: 0, additions: [] },
      ],
      nonces: [],
      path: '',
    };
    const seen = new Set([nameOf(start)]);
    const open = [start];
    let accepted = 0;
    for (let world = open.pop(); world !== undefined; world = open.pop()) {
      for (const next of this.#nextOf(world)) {
        const name = nameOf(next);
        if (seen.has(name)) continue;
        seen.add(name);
        if (next.nonces.some((nonce) => nonce.accepted > 1)) return { worlds: seen.size, accepted, twice: next.path };
        if (next.nonces.some((nonce) => nonce.accepted === 1)) accepted += 1;
        open.push(next);
      }
    }
    return { worlds: seen.size, accepted, twice: undefined };
  }

  *#nextOf(world: World): Generator<World> {
    const { nonces, startsPerReplica, ticks, others } = this.#bounds;
    const { now, path } = world;
    for (const process of world.processes) {
      const { replica, start } = process;
      // The replicas are alike, so the first nonce may as well be of the first.
      if (world.nonces.length < nonces && (replica === 0 || world.nonces.length > 0)) {
        const text = this.#at(process, now).authority.issue();
        const issued = { text, by: replica, start, at: now, accepted: 0 };
        yield { ...world, nonces: [...world.nonces, issued], path: `${path} issue@${replica}` };
      }
      for (const [index, { text, accepted }] of world.nonces.entries()) {
        const { authority, memory } = this.#at(process, now);
        const isAccepted = authority.redeem(text);
        yield {
          ...world,
          processes: replaced(world.processes, { ...process, additions: memory.noted }),
          nonces: world.nonces.map((nonce, at) =>
            at === index ? { ...nonce, accepted: accepted + (isAccepted ? 1 : 0) } : nonce,
          ),
          path: `${path} present${index}@${replica}`,
        };
      }
      if (world.others < others) {
        const { authority, memory } = this.#at(process, now);
        authority.redeem(authority.issue());
        yield {
          ...world,
          others: world.others + 1,
          processes: replaced(world.processes, { ...process, additions: memory.noted }),
          path: `${path} other@${replica}`,
        };
      }
      if (start + 1 < startsPerReplica) {
        const restarted = { replica, start: start + 1, startedAt: now, additions: [] };
        yield { ...world, processes: replaced(world.processes, restarted), path: `${path} restart@${replica}` };
      }
    }
    if (world.ticks < ticks) {
      for (const seconds of tickSeconds) {
        yield { ...world, now: now + seconds, ticks: world.ticks + 1, path: `${path} +${seconds}s` };
      }
    }
  }

  /** The production object of a process, in the state that it has in this world. */
  #at(process: Process, now: number): { readonly authority: NonceAuthority; readonly memory: SwitchedMemory } {
    const name = `${process.replica} ${process.start} ${process.startedAt}`;
    let made = this.#authorities.get(name);
    if (made === undefined) {
      this.#now = process.startedAt;
      made = startProcess(process, this.#clock);
      this.#authorities.set(name, made);
    }
    this.#now = now;
    made.memory.target = memoryOf(process);
    made.memory.noted = process.additions;
    return made;
  }
}

function startProcess({ replica, start }: Process, clock: ConstructorParameters<typeof NonceAuthority>[0]['clock']) {
  const memory = new SwitchedMemory();
  // The first byte names the replica and survives a restart, the last one counts starts: what is persisted would be made of the first.
  const replicaId = Uint8Array.of(replica, 0, 0, 0, 0, 0, 0, start);
  const key = SecretBytes.take(new Uint8Array(32).fill(16 * replica + start + 1));
  return { authority: new NonceAuthority({ replicaId, key, clock, redeemed: memory }), memory };
}

function replaced(processes: World['processes'], process: Process): World['processes'] {
  return process.replica === 0 ? [process, processes[1]] : [processes[0], process];
}

/** Everything that the future depends on, with times as ages and nonces by number. */
function nameOf(world: World): string {
  const age = (seconds: number) => Math.min(world.now - seconds, longAgo);
  const processes = world.processes.map((process) => {
    const memory = memoryOf(process);
    const generations = memory.generations.map((generation) =>
      world.nonces.map(({ text }) => (generation.has(text) ? 1 : 0)).join(''),
    );
    return [process.start, age(process.startedAt + memory.sinceSeconds), ...generations].join(' ');
  });
  const nonces = world.nonces.map(({ by, start, at, accepted }) => `${by} ${start} ${age(at)} ${accepted}`);
  return [world.ticks, world.others, ...processes, ...nonces].join('|');
}

describe('NonceAuthority over every path', () => {
  test.each([
    { name: 'one nonce, three steps of time', bounds: { nonces: 1, startsPerReplica: 2, ticks: 3, others: 2 } },
    { name: 'two nonces, two steps of time', bounds: { nonces: 2, startsPerReplica: 2, ticks: 2, others: 0 } },
  ])('accepts no nonce twice: $name', ({ bounds }) => {
    const { worlds, accepted, twice } = new Search(bounds).run();
    expect(twice).toBeUndefined();
    // A search that goes nowhere, or an authority that accepts nothing, proves nothing.
    expect(worlds).toBeGreaterThan(5_000);
    expect(accepted).toBeGreaterThan(2_000);
  });
});
