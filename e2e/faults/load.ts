/**
 * What people do: wrap, race for wraps, open again, acknowledge, store again, revoke, and write and read secrets.
 * It must never do with an item what its plan does not say, or a history could not be told from a mistake of the harness.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { sealWrap, verifyKeyset, type Identity, type Keyset, type SealedWrap } from '@letterlock/client';
import { randomIdentifier } from '@letterlock/crypto';
import {
  askForStatus,
  askToAcknowledge,
  askToOpen,
  askToRead,
  askToRevoke,
  askToStore,
  askToWrite,
  type Asker,
} from './asking.ts';
import { nowMilliseconds, type Answer, type Recorder } from './history.ts';
import { root, type People } from './installation.ts';
import type { Chance } from './seeded.ts';

export interface LoadOptions {
  readonly recorder: Recorder;
  readonly asker: Asker;
  readonly people: People;
  readonly chance: Chance;
}

/** Kinds of items, with how many of a hundred are so. */
const plans = [
  { plan: 'race', share: 62 },
  { plan: 'revoke', share: 14 },
  { plan: 'leave', share: 8 },
  { plan: 'burn', share: 3 },
  { plan: 'crowd', share: 1 },
  { plan: 'secret', share: 12 },
] as const;
export type Plan = (typeof plans)[number]['plan'];

/** Longer than any fault, so that a claim does not end while its answer is looked for. */
const longWindowSeconds = 300;
const shortWindowSeconds = 15;
const crowdSize = 50;
/** Content that makes an answer longer than all others. */
export const longContentBytes = 60_000;

/** What is known of an item when its plan has ended. */
interface Left {
  readonly wrap: SealedWrap;
  readonly reader: Identity;
  readonly writer: Identity;
}

export class Load {
  readonly #o: LoadOptions;
  readonly #keysets: ReadonlyMap<string, Keyset>;
  readonly #left: Left[] = [];
  readonly #paths: string[] = [];

  constructor(options: LoadOptions) {
    this.#o = options;
    const { readers, writers } = options.people;
    this.#keysets = new Map([...readers, ...writers].map(({ id, keyset }) => [id, verifyKeyset(keyset!)]));
  }

  /** One item of a kind by chance, from its beginning to the end of its plan. */
  async one(): Promise<void> {
    let mark = this.#o.chance.below(100);
    for (const { plan, share } of plans) {
      if (mark < share) return this.run(plan);
      mark -= share;
    }
  }

  /** @param at - the replica that is asked first, each time. Default: any */
  async run(plan: Plan, at?: string): Promise<void> {
    if (plan === 'secret') return this.#secret(at);
    if (plan === 'revoke') return this.#revoke(at);
    const wrap = await this.#wrap(plan === 'burn' ? shortWindowSeconds : longWindowSeconds, at);
    if (wrap === undefined || plan === 'leave') return undefined;
    if (plan === 'burn') {
      await this.#o.asker.insist(this.#open(wrap, randomIdentifier(), []), at);
      return undefined;
    }
    return this.#race(wrap, plan === 'crowd' ? crowdSize : 2 + this.#o.chance.below(3), at);
  }

  /** A wrap with long content, for who wants to cut its delivery. @returns what opens it, with the same claim each time */
  async longDelivery(at: string): Promise<() => Promise<Answer>> {
    const wrap = await this.#wrap(longWindowSeconds, at, longContentBytes);
    const question = this.#open(wrap!, randomIdentifier(), []);
    return () => this.#o.asker.insist(question, at);
  }

  /** A wrap that is stored once, to see whether a replica serves. @returns whether it does */
  async probe(at: string): Promise<boolean> {
    const { wrap, writer } = await this.#seal(longWindowSeconds);
    return (await this.#o.asker.once(askToStore(writer, wrap), at)).is === 'ok';
  }

  /** Reads how everything has ended; what is still stored is opened. */
  async finish(concurrency: number): Promise<void> {
    const work = [
      ...this.#left.map((left) => () => this.#finishWrap(left)),
      ...this.#paths.map((path) => () => this.#finishSecret(path)),
    ];
    await inParallel(work, concurrency);
  }

  async #seal(windowSeconds: number, paddingBytes = 0): Promise<Left> {
    const { recorder, people, chance } = this.#o;
    const writer = chance.one(people.writers);
    const reader = people.readers[0];
    const label = randomUUID();
    const wrap = await sealWrap({
      path: `${root}/wraps`,
      content: Buffer.from(`${label}\n${'.'.repeat(paddingBytes)}`),
      to: this.#keysets.get(reader.id)!,
      writer,
      iat: Math.floor(nowMilliseconds() / 1000),
      windowSeconds,
    });
    recorder.addItem({ name: wrap.id, kind: 'wrap', content: label, windowSeconds });
    const left = { wrap, reader, writer };
    this.#left.push(left);
    return left;
  }

  async #wrap(windowSeconds: number, at?: string, paddingBytes?: number): Promise<SealedWrap | undefined> {
    const { asker } = this.#o;
    const { wrap, writer } = await this.#seal(windowSeconds, paddingBytes);
    const answer = await asker.insist(this.#store(wrap, writer), at);
    return answer.is === 'ok' ? wrap : undefined;
  }

  #store(wrap: SealedWrap, writer: Identity) {
    const { asker } = this.#o;
    return askToStore(writer, wrap, async () => {
      const status = await asker.insist(askForStatus(writer, wrap.id));
      return status.is === 'ok' ? { is: 'ok' } : undefined;
    });
  }

  #open({ id }: SealedWrap, cid: string, sent: string[]) {
    return askToOpen(this.#o.people.readers[0], id, cid, sent);
  }

  /** The same envelope again, as after a lost answer. */
  async #storeAgain(wrap: SealedWrap, at: string | undefined): Promise<void> {
    const { writer } = this.#left.find((left) => left.wrap === wrap)!;
    await this.#o.asker.insist(this.#store(wrap, writer), at);
  }

  async #race(wrap: SealedWrap, claimers: number, at: string | undefined): Promise<void> {
    const { asker, chance, people } = this.#o;
    const [reader] = people.readers;
    const claims = Array.from({ length: claimers }, () => ({ cid: randomIdentifier(), sent: [] as string[] }));
    const isStoredAgain = chance.happens(0.3);
    const [answers] = await Promise.all([
      Promise.all(claims.map(({ cid, sent }) => asker.insist(this.#open(wrap, cid, sent), at))),
      isStoredAgain ? this.#storeAgain(wrap, at) : undefined,
    ]);
    const winner = claims[answers.findIndex(({ is }) => is === 'ok')];
    const late = () => asker.insist(this.#open(wrap, randomIdentifier(), []), at);
    if (winner === undefined) return;
    if (chance.happens(0.4)) await asker.insist(this.#open(wrap, winner.cid, winner.sent), at);
    if (chance.happens(0.5)) await this.#storeAgain(wrap, at);
    await late();
    const acknowledge = askToAcknowledge(reader, wrap.id, winner.cid);
    await asker.insist(acknowledge, at);
    if (chance.happens(0.3)) await asker.insist(acknowledge, at);
    if (chance.happens(0.5)) await this.#storeAgain(wrap, at);
    if (chance.happens(0.5)) await late();
  }

  async #revoke(at: string | undefined): Promise<void> {
    const { asker } = this.#o;
    const wrap = await this.#wrap(longWindowSeconds, at);
    if (wrap === undefined) return;
    const { writer } = this.#left.find((left) => left.wrap === wrap)!;
    const revoking = askToRevoke(writer, wrap.id, async () => {
      const status = await asker.insist(askForStatus(writer, wrap.id));
      return status.is === 'ok' && status.st === 'REVOKED' ? { is: 'ok' } : undefined;
    });
    await Promise.all([asker.insist(revoking, at), asker.insist(this.#open(wrap, randomIdentifier(), []), at)]);
  }

  /** Two writers, each of whom writes the version after the one that it has read; two readers. */
  async #secret(at: string | undefined): Promise<void> {
    const { recorder, asker, people } = this.#o;
    const path = `${root}/s-${randomUUID()}`;
    recorder.addItem({ name: path, kind: 'secret', content: '', windowSeconds: 0 });
    this.#paths.push(path);
    const to = [...this.#keysets.values()];
    const write = async (writer: Identity): Promise<void> => {
      const latest = await asker.insist(askToRead(writer, path), at);
      const ver = (latest.is === 'ok' ? latest.ver! : 0) + 1;
      const content = randomUUID();
      const writing = askToWrite(writer, path, { ver, content, to }, async () => {
        const found = await asker.insist(askToRead(writer, path, ver));
        return found.is === 'ok' && found.content === content ? { is: 'ok' } : undefined;
      });
      await asker.insist(writing, at);
    };
    for (let round = 0; round < 2; round += 1) {
      await Promise.all([
        ...people.writers.map((writer) => write(writer)),
        // Each reader twice at once: an older answer may come after a newer one.
        ...[...people.readers, ...people.readers].map((reader) => asker.insist(askToRead(reader, path), at)),
      ]);
    }
  }

  async #finishWrap({ wrap, writer }: Left): Promise<void> {
    const { asker } = this.#o;
    const status = await asker.insist(askForStatus(writer, wrap.id));
    if (status.is === 'ok' && status.st === 'STORED') await asker.insist(this.#open(wrap, randomIdentifier(), []));
  }

  async #finishSecret(path: string): Promise<void> {
    const { asker, people } = this.#o;
    const latest = await asker.insist(askToRead(people.readers[0], path));
    const last = latest.is === 'ok' ? latest.ver! : 0;
    for (let ver = 1; ver <= last; ver += 1) await asker.insist(askToRead(people.readers[1], path, ver));
  }
}

/** Runs all, so many at a time. */
export async function inParallel(work: readonly (() => Promise<void>)[], concurrency: number): Promise<void> {
  const waiting = work.values();
  const worker = async (): Promise<void> => {
    for (const next of waiting) await next();
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
