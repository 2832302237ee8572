/**
 * What was asked of the service and what it answered: the record that a run is judged by.
 * It must never hold an answer that no client got, nor leave out one that a client got.
 * @module
 */

/** One call of the API about one item. `store` is always the same envelope again. */
export type Asked =
  | { readonly do: 'store' }
  | { readonly do: 'open'; readonly cid: string }
  | { readonly do: 'acknowledge'; readonly cid: string }
  | { readonly do: 'revoke' }
  | { readonly do: 'status' }
  | { readonly do: 'write'; readonly ver: number; readonly content: string }
  /** Without `ver`: the latest. */
  | { readonly do: 'read'; readonly ver?: number };

/** `not_sent`: it cannot have had an effect. `unknown`: it may have had one. `broken`: something that no server may answer. */
export type Answer =
  | {
      readonly is: 'ok';
      /** State of the wrap, for `status`. */
      readonly st?: string;
      /** What was delivered. */
      readonly content?: string;
      /** Number of the delivery, for `open`. */
      readonly n?: number;
      readonly ver?: number;
    }
  | { readonly is: 'refused'; readonly code: string; readonly st?: string; readonly ver?: number }
  | { readonly is: 'unknown' | 'not_sent' | 'broken'; readonly why: string };

/** One call. Times are milliseconds of one monotonic clock, with the system's epoch as origin. */
export interface Call {
  readonly item: string;
  /** Id of the identity that asked. */
  readonly by: string;
  /** Name of the replica that was asked; `any` where the client chose. */
  readonly replica: string;
  readonly asked: Asked;
  readonly from: number;
  readonly to: number;
  readonly answer: Answer;
}

/** What is asked about: a wrap, or a secret's path. */
export interface Item {
  readonly name: string;
  readonly kind: 'wrap' | 'secret';
  /** What was wrapped; a secret's contents are in its writes. */
  readonly content: string;
  readonly windowSeconds: number;
}

/** A time in which a replica must not deliver. */
export interface SealedTime {
  readonly replica: string;
  readonly from: number;
  readonly to: number;
}

export interface History {
  readonly items: readonly Item[];
  readonly calls: readonly Call[];
  readonly sealedTimes: readonly SealedTime[];
  /** Names of items with a call that was given up without an answer. */
  readonly givenUp: ReadonlySet<string>;
  /** Transactions that a replica was told had not happened although they had. */
  readonly misreported: number;
}

/** Milliseconds now, never stepping back. */
export function nowMilliseconds(): number {
  return performance.timeOrigin + performance.now();
}

/** Collects a history. */
export class Recorder {
  readonly #items = new Map<string, Item>();
  readonly #calls: Call[] = [];
  readonly #sealedTimes: SealedTime[] = [];
  readonly #givenUp = new Set<string>();
  #misreported = 0;

  get itemCount(): number {
    return this.#items.size;
  }

  get callCount(): number {
    return this.#calls.length;
  }

  addItem(item: Item): void {
    if (this.#items.has(item.name)) throw new TypeError(`Cannot add the item ${item.name}: it is there already`);
    this.#items.set(item.name, item);
  }

  addCall(call: Call): void {
    this.#calls.push(call);
  }

  addSealedTime(time: SealedTime): void {
    this.#sealedTimes.push(time);
  }

  giveUp(item: string): void {
    this.#givenUp.add(item);
  }

  misreported(): void {
    this.#misreported += 1;
  }

  get history(): History {
    return {
      items: [...this.#items.values()],
      calls: this.#calls,
      sealedTimes: this.#sealedTimes,
      givenUp: this.#givenUp,
      misreported: this.#misreported,
    };
  }
}
