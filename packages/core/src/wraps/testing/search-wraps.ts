/**
 * Exhaustive search over everything that clients, replicas, sweeper, network and clocks can do to one wrap, driving the
 * production code. It must never bound what a clock shows or which order things come in; only how often each may fail.
 *
 * Assumed, and nothing more: while a storing is under way or may be tried again, its tombstone is not purged. (Tombstones
 * outlive the expiry by an hour or more, and an envelope that has expired is not stored.)
 * @module
 */
import type { Transaction } from '../../store/store.ts';
import type { StoreReply } from '../run-wrap.ts';
import {
  applyTransaction,
  emptyStore,
  keyOfReply,
  keyOfStore,
  readKey,
  type ModelReply,
  type ModelStore,
} from './model-store.ts';
import {
  clientShots,
  isRemembered,
  rememberedWrap,
  sweeperShots,
  writerShots,
  type Profile,
  type Shot,
} from './search-actors.ts';
import {
  Broken,
  judgeChange,
  judgeEnding,
  noExperience,
  stateIn,
  stateKey,
  union,
  type Client,
  type Ghost,
} from './search-judge.ts';
import { WrapRuns, type RunNode } from './wrap-runs.ts';

export interface SearchOptions {
  /** Everybody who tries to open. The recipient's key is `reader`. */
  readonly clients: readonly Client[];
  readonly opensPerClient: number;
  readonly sweeps: number;
  /** Answers lost, transactions late, requests sent twice, in one history. */
  readonly losses: number;
  readonly crashes: number;
  /** What clocks may show, any of them at any time: a claim's window is 60 s, the expiry is at 1000. */
  readonly times: readonly number[];
  /** Whether clients ask replicas that remember the wrap as it was first stored, and nothing later. */
  readonly replicasRemember?: boolean;
  /** Whether the store may once go back to what it held when the wrap had just been stored. */
  readonly storeMayRollBack?: boolean;
}
export interface SearchResult {
  readonly states: number;
  /** A shortest history that breaks the guarantee; undefined when there is none. */
  readonly violation: { readonly broken: string; readonly steps: readonly string[] } | undefined;
  /** How often each kind of end was reached: a search that never delivers proves nothing. */
  readonly ends: ReadonlyMap<string, number>;
}

interface Known<T> {
  readonly id: number;
  readonly value: T;
}
interface Actor {
  readonly profile: Known<Profile>;
  readonly run: { readonly kind: string; readonly node: RunNode } | undefined;
}
interface World {
  readonly store: Known<ModelStore>;
  readonly actors: readonly Actor[];
  /** Transactions that nobody waits for any more. */
  readonly late: readonly RunNode[];
  readonly ghost: Known<Ghost>;
  readonly losses: number;
  readonly crashes: number;
  readonly snapshot: Known<ModelStore> | undefined;
}
interface Applied {
  readonly store: Known<ModelStore>;
  readonly reply: ModelReply;
  readonly replyKey: string;
  readonly stored: readonly string[];
}

/** Breadth first. */
export function searchWraps(options: SearchOptions): SearchResult {
  return new Search(options).run();
}

/** Gives equal values one identity, so that worlds are compared by numbers. */
class Interned<T> {
  readonly #known = new Map<string, Known<T>>();
  readonly #keyOf: (value: T) => string;

  constructor(keyOf: (value: T) => string) {
    this.#keyOf = keyOf;
  }

  get(value: T): Known<T> {
    const key = this.#keyOf(value);
    let known = this.#known.get(key);
    if (known === undefined) {
      known = { id: this.#known.size, value };
      this.#known.set(key, known);
    }
    return known;
  }
}

class Search {
  readonly #options: SearchOptions;
  readonly #runs = new WrapRuns();
  readonly #stores = new Interned<ModelStore>(keyOfStore);
  readonly #ghosts = new Interned<Ghost>((ghost) => JSON.stringify(ghost));
  readonly #profiles = new Interned<Profile>(({ counts, knows }) => `${JSON.stringify(counts)}${knows.join()}`);
  readonly #prunedStores = new Map<string, Known<ModelStore>>();
  readonly #applied = new Map<string, Applied>();
  readonly #known = new Set<string>();
  readonly #worlds: (World | undefined)[] = [];
  readonly #parents: number[] = [];
  readonly #labels: string[] = [];
  readonly #ends = new Map<string, number>();
  /** World that is being expanded, and the step that is being tried. */
  #at = 0;
  #step = 'start';

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  run(): SearchResult {
    const { clients, losses, crashes } = this.#options;
    const idle: Actor = { profile: this.#profiles.get({ counts: {}, knows: [] }), run: undefined };
    this.#add({
      store: this.#stores.get(emptyStore),
      actors: [idle, idle, ...clients.map(() => idle)],
      late: [],
      ghost: this.#ghosts.get(noExperience),
      losses,
      crashes,
      snapshot: undefined,
    });
    let violation: SearchResult['violation'];
    try {
      for (; this.#at < this.#worlds.length; this.#at += 1) {
        this.#expand(this.#worlds[this.#at]!);
        // A world is looked at once; afterwards only its place in the history counts.
        this.#worlds[this.#at] = undefined;
      }
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      violation = { broken: error.message, steps: [...this.#history(), this.#step] };
    }
    return { states: this.#known.size, violation, ends: this.#ends };
  }

  #expand(world: World): void {
    for (const [index, actor] of world.actors.entries()) {
      if (actor.run === undefined) {
        for (const shot of this.#shots(index, actor)) this.#start(world, index, actor, shot);
      } else this.#goOn(world, index, actor.run);
    }
    for (const [index, node] of world.late.entries()) {
      this.#step = `a late transaction of ${node.name} arrives`;
      const { store, ghost } = this.#transact(world, node);
      this.#add({ ...world, store, ghost, late: world.late.toSpliced(index, 1) });
    }
    if (world.snapshot !== undefined) {
      this.#step = 'the store goes back to an earlier state';
      this.#add({ ...world, store: world.snapshot, snapshot: undefined });
    }
  }

  #shots(index: number, actor: Actor): readonly Shot[] {
    const { value } = actor.profile;
    if (index === 0) return writerShots(value);
    if (index === 1) return sweeperShots(value, this.#options.sweeps);
    const { clients, opensPerClient, replicasRemember = false } = this.#options;
    return clientShots(value, clients[index - 2]!, opensPerClient, replicasRemember ? rememberedWrap : undefined);
  }

  /** Begins a request and makes its first call in one step: until that call nobody can tell that it has begun. */
  #start(world: World, index: number, actor: Actor, { kind, task }: Shot): void {
    const { counts, knows } = actor.profile.value;
    const count = (counts[kind] ?? 0) + 1;
    const name = `${index}-${kind}-${count}`;
    const profile = this.#profiles.get({ counts: { ...counts, [kind]: count }, knows });
    const begun = withActor(world, index, { profile, run: undefined });
    for (const now of this.#options.times) {
      const node = this.#runs.start(name, task(name), now);
      this.#goOn(begun, index, { kind, node });
      if (!node.hasAskedTime) return;
    }
  }

  #goOn(world: World, index: number, { kind, node }: NonNullable<Actor['run']>): void {
    const { call, name } = node;
    if (call === undefined) throw new Error('A run that has ended is still waiting');
    const tell = (label: string, after: World, reply: ModelReply | undefined, replyKey: string): void => {
      const told: StoreReply | undefined = reply === undefined ? undefined : { isAnswered: true, ...reply };
      this.#advance(`${name} ${label}`, after, index, kind, (now) => this.#runs.next(node, told, replyKey, now));
    };
    const canLose = world.losses > 0;
    const lossy = { ...world, losses: world.losses - 1 };
    if ('read' in call) {
      const reply = readKey(world.store.value, call.read);
      // A read that has no answer ends the request without a trace, as if it had not been made.
      tell('reads', world, reply, keyOfReply(reply));
    } else {
      if (isForgottenTooSoon(world, call.transact)) return;
      this.#step = `${name} transacts`;
      const { store, ghost, reply, replyKey } = this.#transact(world, node);
      tell('transacts', { ...world, store, ghost }, reply, replyKey);
      if (canLose) {
        tell('hears nothing', { ...lossy, late: [...world.late, node] }, undefined, 'lost');
        this.#step = `${name} transacts twice`;
        const second = this.#transact({ ...world, store, ghost }, node);
        tell('transacts twice', { ...lossy, store: second.store, ghost: second.ghost }, second.reply, second.replyKey);
      }
    }
    if (world.crashes > 0 && 'transact' in call) {
      // A crash before or at a read leaves no trace either.
      this.#step = `the replica of ${name} crashes`;
      const crashed = withActor(world, index, { ...world.actors[index]!, run: undefined });
      this.#add({ ...crashed, late: [...world.late, node], crashes: world.crashes - 1 });
    }
  }

  /** One step of a run, at each time that makes a difference. */
  #advance(label: string, world: World, index: number, kind: string, step: (now: number) => RunNode): void {
    for (const now of this.#options.times) {
      const node = step(now);
      this.#step = node.hasAskedTime ? `${label}, clock at ${now}` : label;
      this.#add(
        node.call === undefined
          ? this.#finish(world, index, kind, node)
          : withActor(world, index, { ...world.actors[index]!, run: { kind, node } }),
      );
      if (!node.hasAskedTime) return;
    }
  }

  #transact(world: World, node: RunNode): Applied & { readonly ghost: Known<Ghost> } {
    const key = `${world.store.id}:${node.id}`;
    let applied = this.#applied.get(key);
    if (applied === undefined) {
      const { transact } = node.call as { readonly transact: Transaction };
      const before = world.store.value;
      const { store, reply } = applyTransaction(before, transact);
      const stored = store.revision === before.revision ? [] : judgeChange(before, store, transact, reply);
      applied = { store: this.#stores.get(store), reply, replyKey: keyOfReply(reply), stored };
      this.#applied.set(key, applied);
    }
    return {
      ...applied,
      ghost: this.#experience(world.ghost, { stored: union(world.ghost.value.stored, applied.stored) }),
    };
  }

  #finish(world: World, index: number, kind: string, node: RunNode): World {
    const actor = world.actors[index]!;
    if (node.outcome === undefined) {
      if (node.error !== undefined) throw new Broken(`a run failed: ${nameOf(node.error)}`);
      this.#count(`${kind}: unavailable`);
      return withActor(world, index, { ...actor, run: undefined });
    }
    const client = this.#options.clients[index - 2];
    const { fact, ghost } = judgeEnding({
      kind,
      bh: node.name,
      client,
      outcome: node.outcome,
      store: world.store.value,
      ghost: world.ghost.value,
    });
    this.#count(`${kind}: ${fact}`);
    const { counts, knows } = actor.profile.value;
    const profile = isRemembered(fact) ? this.#profiles.get({ counts, knows: union(knows, [fact]) }) : actor.profile;
    const ended = withActor(world, index, { profile, run: undefined });
    return { ...ended, ghost: this.#experience(world.ghost, ghost) };
  }

  #experience(known: Known<Ghost>, change: Partial<Ghost>): Known<Ghost> {
    const names = Object.keys(change) as (keyof Ghost)[];
    const isSame = names.every((name) => change[name] === known.value[name]);
    return isSame ? known : this.#ghosts.get({ ...known.value, ...change });
  }

  #count(end: string): void {
    this.#ends.set(end, (this.#ends.get(end) ?? 0) + 1);
  }

  #add(world: World): void {
    const pruned = this.#prune(world);
    const { store, actors, late, ghost, losses, crashes, snapshot } = pruned;
    let key = `${store.id},${ghost.id},${losses},${crashes},${snapshot?.id ?? ''}`;
    for (const { profile, run } of actors) key += `,${profile.id}:${run?.node.id ?? ''}`;
    for (const node of late) key += `+${node.id}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#worlds.push(pruned);
    this.#parents.push(this.#at);
    this.#labels.push(this.#step);
  }

  /** Forgets what cannot matter any more, so that worlds that behave alike are one. */
  #prune(world: World): World {
    const { storeMayRollBack = false } = this.#options;
    const late = storeMayRollBack ? world.late : world.late.filter((node) => mayStillHappen(node, world));
    const store = this.#withoutFinishedAudits(world, late);
    const isNew = storeMayRollBack && world.snapshot === undefined && world.ghost.value.stored.length === 0;
    const snapshot = isNew && stateIn(store.value)?.s === 'STORED' ? store : world.snapshot;
    return { ...world, store, snapshot, late: late.length < 2 ? late : late.toSorted((a, b) => a.id - b.id) };
  }

  #withoutFinishedAudits({ store, actors }: World, late: readonly RunNode[]): Known<ModelStore> {
    const { audits } = store.value;
    if (audits.length === 0) return store;
    const names = [...late, ...actors.flatMap(({ run }) => run?.node ?? [])].map(({ name }) => `au/${name}/`);
    const kept = audits.filter((key) => names.some((name) => key.startsWith(name)));
    if (kept.length === audits.length) return store;
    const key = `${store.id}:${kept.join()}`;
    let pruned = this.#prunedStores.get(key);
    if (pruned === undefined) {
      pruned = this.#stores.get({ ...store.value, audits: kept });
      this.#prunedStores.set(key, pruned);
    }
    return pruned;
  }

  #history(): string[] {
    const steps: string[] = [];
    for (let index = this.#at; index > 0; index = this.#parents[index]!) steps.unshift(this.#labels[index]!);
    return steps;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.message : 'by something that is no error';
}

function withActor(world: World, index: number, actor: Actor): World {
  return { ...world, actors: world.actors.with(index, actor) };
}

/** A transaction whose compare of the state has been overtaken never succeeds; without success it only reads. */
function mayStillHappen(node: RunNode, { store, late }: World): boolean {
  const { transact } = node.call as { readonly transact: Transaction };
  const compare = transact.compare.find(({ key }) => key === stateKey);
  const mod = store.value.keys.get(stateKey)?.mod ?? 0;
  // Without one it closes an audit number, which matters to a transaction of the same run alone.
  return compare === undefined
    ? late.some((other) => other !== node && other.name === node.name)
    : compare.revision === mod;
}

/** The assumption: while a storing may be under way or be tried again, nothing is purged. */
function isForgottenTooSoon({ actors }: World, { then }: Transaction): boolean {
  const isPurge = then.some((operation) => operation.do === 'delete' && operation.key === stateKey);
  const writer = actors[0]!;
  return (
    isPurge && (writer.run?.kind === 'store' || writerShots(writer.profile.value).some(({ kind }) => kind === 'store'))
  );
}
