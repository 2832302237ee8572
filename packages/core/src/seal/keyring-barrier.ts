/**
 * The barrier of an unsealed installation: records under the keyring's terms, store keys under its names key.
 * It must never work again once it was disposed of, nor show a name or a clear value to the store.
 * @module
 */
import { openRecord, sealRecord, storeKeySegment, type SecretBytes } from '@letterlock/crypto';
import type { Barrier } from '../store/barrier.ts';
import type { Keyring } from './keyring.ts';
import { sealedProblem } from './seal-problems.ts';

/** Keys remembered in each of two generations: those of some hundred wraps in flight; more would only fall out of the processor's caches. */
const cachedKeys = 512;
const systemPrefix = 'sys/';

/** The barrier over one opened keyring, which it owns. */
export class KeyringBarrier implements Barrier, Disposable {
  #keyring: Keyring | undefined;
  #kek: SecretBytes | undefined;
  #recent = new Map<string, string>();
  #older = new Map<string, string>();
  readonly #termKeyOf = (term: number): SecretBytes | undefined => this.#keyring?.termKey(term);

  /** @param kek - where other replicas may get it; owned as well. */
  constructor(keyring: Keyring, kek?: SecretBytes) {
    this.#keyring = keyring;
    this.#kek = kek;
  }

  /** Undefined where it is not kept. */
  get kek(): SecretBytes | undefined {
    return this.#kek;
  }

  /** The keyring itself, for who unseals. @throws 'sealed' */
  get keyring(): Keyring {
    if (this.#keyring === undefined) throw sealedProblem();
    return this.#keyring;
  }

  keyOf(path: string): string {
    const { namesKey } = this.keyring;
    if (path.startsWith(systemPrefix)) return path;
    if (path === '') throw new TypeError('Cannot name a record: its path is empty');
    return this.#hiddenKey(namesKey, path);
  }

  seal(path: string, plaintext: Uint8Array): Uint8Array {
    const { currentTerm } = this.keyring;
    return sealRecord({ term: currentTerm, termKey: this.#termKeyOf(currentTerm)!, path, plaintext });
  }

  open(path: string, record: Uint8Array): Uint8Array {
    if (this.#keyring === undefined) throw sealedProblem();
    return openRecord({ termKeyOf: this.#termKeyOf, path, record });
  }

  /** Fills the keys with zeros and forgets names. */
  [Symbol.dispose](): void {
    this.#keyring?.[Symbol.dispose]();
    this.#keyring = undefined;
    this.#kek?.[Symbol.dispose]();
    this.#kek = undefined;
    this.#recent = new Map();
    this.#older = new Map();
  }

  /** Each segment is the MAC of the path down to it: children of one name under two parents do not look alike. */
  #hiddenKey(namesKey: SecretBytes, path: string): string {
    const remembered = this.#recent.get(path);
    if (remembered !== undefined) return remembered;
    const parentLength = path.lastIndexOf('/');
    const hidden =
      this.#older.get(path) ??
      (parentLength === -1 ? '' : `${this.#hiddenKey(namesKey, path.slice(0, parentLength))}/`) +
        storeKeySegment(namesKey, path);
    if (this.#recent.size >= cachedKeys) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(path, hidden);
    return hidden;
  }
}

/** A barrier that follows the installation: that of the current unseal, or none. For the audit trail, which outlives seals. */
export class CurrentBarrier implements Barrier {
  #barrier: Barrier | undefined;

  use(barrier: Barrier | undefined): void {
    this.#barrier = barrier;
  }

  keyOf(path: string): string {
    return this.#current.keyOf(path);
  }

  seal(path: string, plaintext: Uint8Array): Uint8Array {
    return this.#current.seal(path, plaintext);
  }

  open(path: string, record: Uint8Array): Uint8Array {
    return this.#current.open(path, record);
  }

  get #current(): Barrier {
    if (this.#barrier === undefined) throw sealedProblem();
    return this.#barrier;
  }
}
