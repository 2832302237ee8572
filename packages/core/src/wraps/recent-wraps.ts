/**
 * Remembers what the latest wraps were when this process last changed or read them, so that the next request of the same wrap
 * can try its change without looking first.
 * It must never hold content, nor be answered from: what it says may be long out of date.
 * @module
 */
import { isLive } from './reduce-wrap.ts';
import { writeRecord, type SeenWrap, type WrapRecord } from './wrap-record.ts';

/** A reader comes within seconds or when it comes; of a thousand and more wraps between, a read more does not matter. About 1.5 KiB each. */
const rememberedWraps = 2048;

/** One for the time between an unseal and the next seal. */
export class RecentWraps {
  /** Records as text: what was parsed from a request may keep the whole request in memory. */
  readonly #known = new Map<string, { readonly text: string; readonly revision: number }>();

  /** @returns undefined when it is not known. It is forgotten with this, so that whoever fails on it looks the next time. */
  take(id: string): SeenWrap | undefined {
    const known = this.#known.get(id);
    if (known === undefined) return undefined;
    this.#known.delete(id);
    return { record: JSON.parse(known.text) as WrapRecord, revision: known.revision };
  }

  /** Wraps that have ended are not kept: nothing changes them any more. */
  remember(record: WrapRecord, revision: number): void {
    this.#known.delete(record.id);
    if (!isLive(record.s)) return;
    this.#known.set(record.id, { text: writeRecord(record), revision });
    const [oldest] = this.#known.keys();
    if (this.#known.size > rememberedWraps && oldest !== undefined) this.#known.delete(oldest);
  }
}
