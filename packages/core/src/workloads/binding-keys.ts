/**
 * The key pairs of SecretBindings: one for each binding and generation, behind the barrier (protocol.md §5.5).
 * It must never give a key for another binding than its own, nor let a private half become text.
 * @module
 */
import {
  exportPrivateKey,
  generateOpeningKey,
  importOpeningKey,
  SecretBytes,
  signBindingKey,
  type OpeningKey,
  type SigningKey,
} from '@letterlock/crypto';
import {
  canonicalBytes,
  integer,
  lifetimes,
  object,
  parseCanonical,
  ProblemError,
  seconds,
  text,
  type OnceSecret,
  type PublicJwk,
} from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { commitChange } from '../audit/commit-change.ts';
import type { AuditAct, AuditFacts } from '../audit/record.ts';
import type { BindingSlotKeys } from '../envelopes/binding-slot.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Entry, Store } from '../store/store.ts';

export interface BindingKeysOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly instanceKey: SigningKey;
}

/** What a writer encrypts to. */
export interface BindingPublicKey {
  readonly jwk: PublicJwk;
  readonly kid: string;
  readonly generation: number;
  readonly createdAtSeconds: number;
}

/** What a writer needs of a binding beside its key. */
export interface ToldToWriters {
  /** Selectors of who receives. */
  readonly recipients?: readonly string[];
  /** What opens once. */
  readonly once?: readonly OnceSecret[];
}

interface Generation {
  readonly key: OpeningKey;
  readonly n: number;
  readonly at: number;
}

const header = object({ at: seconds, bnd: text(320), key: integer(1, 4096), n: integer(1), v: integer(1, 1) });
/** Old generations are kept while something may be encrypted to them. */
const generationsLimit = 1000;
const attemptsLimit = 4;

/** Records `bk/<namespace>/<name>/<n>`. Nothing is kept in memory: a key that was destroyed opens nothing from then on. */
export class BindingKeys implements BindingSlotKeys {
  readonly #options: BindingKeysOptions;

  constructor(options: BindingKeysOptions) {
    this.#options = options;
  }

  /** The newest key, made if there is none. Without effect otherwise. @throws 'unavailable' */
  async ensure(namespace: string, name: string): Promise<BindingPublicKey> {
    for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
      const current = await this.currentOf(namespace, name);
      if (current !== undefined) return current;
      await this.#create(bindingOf(namespace, name), 1);
    }
    throw contended();
  }

  /** The newest key, a new one where that is as old as a key may be. @throws 'unavailable' */
  async fresh(namespace: string, name: string): Promise<BindingPublicKey> {
    const current = await this.ensure(namespace, name);
    return this.isDue(current) ? this.rotate(namespace, name) : current;
  }

  /** A key of a new generation; the older ones go on opening. @throws 'unavailable' */
  async rotate(namespace: string, name: string): Promise<BindingPublicKey> {
    const before = (await this.currentOf(namespace, name))?.generation ?? 0;
    // Another replica that rotates in the same moment has done it for both.
    await this.#create(bindingOf(namespace, name), before + 1);
    const current = await this.currentOf(namespace, name);
    if (current === undefined || current.generation <= before) throw contended();
    return current;
  }

  async currentOf(namespace: string, name: string): Promise<BindingPublicKey | undefined> {
    const newest = (await this.#generations(bindingOf(namespace, name)))[0];
    if (newest === undefined) return undefined;
    const { key, n, at } = newest;
    return { jwk: key.jwk, kid: key.thumbprint, generation: n, createdAtSeconds: at };
  }

  /** Whether a binding is to get a new key. */
  isDue({ createdAtSeconds }: Pick<BindingPublicKey, 'createdAtSeconds'>): boolean {
    return this.#options.clock.nowSeconds() - createdAtSeconds >= lifetimes.bindingKey;
  }

  /** `letterlock-bk+jws` of the newest key. @param told - what the live binding says to writers. @throws 'not_found', 'unavailable' */
  async statement(namespace: string, name: string, told: ToldToWriters = {}): Promise<string> {
    const current = await this.currentOf(namespace, name);
    if (current === undefined) throw new ProblemError('not_found', { reason: 'binding_key_absent' });
    const iat = this.#options.clock.nowSeconds();
    const { recipients = [], once = [] } = told;
    return signBindingKey(this.#options.instanceKey, {
      bk: [{ ...current.jwk }],
      bnd: bindingOf(namespace, name),
      exp: iat + lifetimes.bindingKeyStatement,
      iat,
      ...(once.length === 0 ? {} : { once }),
      ...(recipients.length === 0 ? {} : { rcp: recipients.toSorted() }),
      seq: current.generation,
    });
  }

  /** The key of this thumbprint, if it is one of this binding. @param bnd - `<namespace>/<name>` */
  async openingKeyOf(bnd: string, kid: string): Promise<OpeningKey | undefined> {
    return (await this.#generations(bnd)).find(({ key }) => key.thumbprint === kid)?.key;
  }

  /** Deletes all keys of a binding: what is encrypted to them can never be opened again. @throws 'unavailable' */
  async destroy(namespace: string, name: string): Promise<void> {
    const { store, barrier, audit } = this.#options;
    const bnd = bindingOf(namespace, name);
    const { entries } = await store.range({ prefix: prefixOf(barrier, bnd), limit: generationsLimit });
    if (entries.length === 0) return;
    const then = entries.map(({ key }) => ({ do: 'delete', key }) as const);
    await commitChange(store, audit, factsOf('binding.purge', bnd), { compare: [], then });
  }

  /** @returns whether this call made it */
  async #create(bnd: string, n: number): Promise<boolean> {
    const { store, barrier, audit, clock } = this.#options;
    const key = barrier.keyOf(`${parentOf(bnd)}/${n}`);
    using plaintext = encode(generateOpeningKey('P-256'), { at: clock.nowSeconds(), bnd, n });
    const { isApplied } = await commitChange(store, audit, factsOf('binding.key', bnd), {
      compare: [{ key, field: 'create', is: '=', revision: 0 }],
      then: [{ do: 'put', key, value: barrier.seal(parentOf(bnd), plaintext.expose()) }],
    });
    return isApplied;
  }

  /** The newest first. */
  async #generations(bnd: string): Promise<readonly Generation[]> {
    const { store, barrier } = this.#options;
    const { entries } = await store.range({ prefix: prefixOf(barrier, bnd), limit: generationsLimit });
    return entries.map((entry) => decode(barrier, bnd, entry)).toSorted((one, other) => other.n - one.n);
  }
}

function bindingOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function parentOf(bnd: string): string {
  return `bk/${bnd}`;
}

function prefixOf(barrier: Barrier, bnd: string): string {
  return `${barrier.keyOf(parentOf(bnd))}/`;
}

/** `u32 length ‖ JCS header ‖ PKCS#8`; the caller disposes of it. */
function encode(key: OpeningKey, o: { readonly at: number; readonly bnd: string; readonly n: number }): SecretBytes {
  using secret = exportPrivateKey(key);
  const head = canonicalBytes({ at: o.at, bnd: o.bnd, key: secret.lengthBytes, n: o.n, v: 1 });
  const encoded = new Uint8Array(4 + head.length + secret.lengthBytes);
  new DataView(encoded.buffer).setUint32(0, head.length);
  encoded.set(head, 4);
  encoded.set(secret.expose(), 4 + head.length);
  return SecretBytes.take(encoded);
}

/** @throws 'internal' (reason storage_integrity) if the record is damaged or another binding's */
function decode(barrier: Barrier, bnd: string, entry: Entry): Generation {
  const plaintext = barrier.open(parentOf(bnd), entry.value);
  try {
    const view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
    const end = 4 + view.getUint32(0);
    const read = header(parseCanonical(plaintext.subarray(4, end)), '');
    // Which binding it is of, the barrier has compared: the record is sealed for its parent.
    const isInPlace = barrier.keyOf(`${parentOf(bnd)}/${read.n}`) === entry.key;
    if (!isInPlace || end + read.key !== plaintext.length) throw new RangeError('binding key record');
    using secret = SecretBytes.copy(plaintext.subarray(end));
    return { key: importOpeningKey(secret), n: read.n, at: read.at };
  } catch (cause) {
    throw new ProblemError('internal', { reason: 'storage_integrity', cause });
  } finally {
    plaintext.fill(0);
  }
}

function contended(): ProblemError {
  return new ProblemError('unavailable', { reason: 'store_contention' });
}

function factsOf(act: AuditAct, bnd: string): AuditFacts {
  return {
    act,
    who: 'service',
    factor: 'service',
    listener: 'none',
    cb: 'none',
    obj: parentOf(bnd),
    outcome: 'ok',
    reason: 'ok',
    req: 'binding',
  };
}
