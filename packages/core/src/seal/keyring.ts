/**
 * The keyring: barrier terms, the key that hides names, and the instance key; one record under the KEK.
 * It must never become text: its encoding is binary so that no key is ever a string in memory.
 * @module
 */
import {
  exportPrivateKey,
  generateSigningKey,
  importSigningKey,
  SecretBytes,
  type SigningKey,
} from '@letterlock/crypto';
import {
  array,
  canonicalBytes,
  identifier,
  integer,
  object,
  oneOf,
  parseCanonical,
  ProblemError,
  seconds,
} from '@letterlock/protocol';

/** `names`: HMAC key of store keys; `instance`: `sik` as PKCS#8; `term`: one barrier key, `n` from 1. */
const partUse = oneOf('names', 'instance', 'term');
type PartUse = ReturnType<typeof partUse>;

const maximumGeneration = 0xff_ff_ff_ff;
const keyBytes = 32;
/** Two single parts, and 30 years of monthly terms. */
const maximumParts = 512;
const maximumHeaderBytes = 65_536;

/** Describes the secrets that follow it: their lengths, uses and creation times, in their order. */
const keyringHeader = object({
  gen: integer(1, maximumGeneration),
  inst: identifier,
  parts: array(
    object({ iat: seconds, length: integer(1, 4096), n: integer(0, maximumGeneration), use: partUse }),
    maximumParts,
    3,
  ),
  v: integer(1, 1),
});

interface Part {
  readonly use: PartUse;
  /** Number of a term; 0 for the others. */
  readonly n: number;
  readonly iat: number;
  readonly bytes: SecretBytes;
}

/** A new keyring with its first term. */
export function createKeyring(o: {
  readonly inst: string;
  readonly generation: number;
  readonly nowSeconds: number;
}): Keyring {
  const iat = o.nowSeconds;
  return new Keyring(o.inst, o.generation, [
    { use: 'names', n: 0, iat, bytes: SecretBytes.random(keyBytes) },
    { use: 'instance', n: 0, iat, bytes: exportPrivateKey(generateSigningKey('P-256')) },
    { use: 'term', n: 1, iat, bytes: SecretBytes.random(keyBytes) },
  ]);
}

/**
 * Reads an opened keyring record: `u32 length ‖ JCS header ‖ secrets`. Copies the secrets; erasing the input is the caller's.
 * @throws 'internal' with reason keyring_unreadable
 */
export function decodeKeyring(plaintext: Uint8Array): Keyring {
  const parts: Part[] = [];
  try {
    const view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
    const headerLength = view.getUint32(0);
    if (headerLength > maximumHeaderBytes) throw new RangeError('header length');
    const header = keyringHeader(parseCanonical(plaintext.subarray(4, 4 + headerLength)), '');
    let at = 4 + headerLength;
    for (const { use, n, iat, length } of header.parts) {
      parts.push({ use, n, iat, bytes: SecretBytes.copy(plaintext.subarray(at, at + length)) });
      at += length;
    }
    if (at !== plaintext.length) throw new RangeError('total length');
    return new Keyring(header.inst, header.gen, parts);
  } catch (cause) {
    for (const { bytes } of parts) bytes[Symbol.dispose]();
    throw new ProblemError('internal', { reason: 'keyring_unreadable', cause });
  }
}

/** The opened keyring. Disposing of it fills every key with zeros. */
export class Keyring implements Disposable {
  readonly inst: string;
  readonly generation: number;
  readonly #parts: readonly Part[];
  readonly #terms: ReadonlyMap<number, SecretBytes>;
  readonly #names: SecretBytes;
  readonly #currentTerm: number;
  #instanceKey: SigningKey | undefined;

  /** Takes ownership of the secrets. @throws RangeError unless there is one of each single part and at least one term. */
  constructor(inst: string, generation: number, parts: readonly Part[]) {
    const terms = parts.filter(({ use }) => use === 'term');
    this.#terms = new Map(terms.map(({ n, bytes }) => [n, bytes]));
    const isRight = terms.every(({ n, bytes }) => n >= 1 && bytes.lengthBytes === keyBytes);
    if (!isRight || terms.length === 0 || this.#terms.size !== terms.length) throw new RangeError('keyring terms');
    this.#names = onlyPart(parts, 'names');
    if (this.#names.lengthBytes !== keyBytes) throw new RangeError('keyring names key');
    this.#instanceKey = importSigningKey(onlyPart(parts, 'instance'));
    this.#currentTerm = Math.max(...this.#terms.keys());
    this.#parts = parts;
    this.inst = inst;
    this.generation = generation;
  }

  /** The term that new records are sealed under. */
  get currentTerm(): number {
    return this.#currentTerm;
  }

  get namesKey(): SecretBytes {
    return this.#names;
  }

  /** @throws TypeError after disposal. */
  get instanceKey(): SigningKey {
    if (this.#instanceKey === undefined) throw new TypeError('Cannot use the keyring: it was disposed of');
    return this.#instanceKey;
  }

  termKey(term: number): SecretBytes | undefined {
    return this.#terms.get(term);
  }

  /** The plaintext of the keyring record, for decodeKeyring; the caller disposes of it. */
  encode(): SecretBytes {
    const header = canonicalBytes({
      gen: this.generation,
      inst: this.inst,
      parts: this.#parts.map(({ use, n, iat, bytes }) => ({ iat, length: bytes.lengthBytes, n, use })),
      v: 1,
    });
    const secretsLength = this.#parts.reduce((total, { bytes }) => total + bytes.lengthBytes, 0);
    const encoded = new Uint8Array(4 + header.length + secretsLength);
    new DataView(encoded.buffer).setUint32(0, header.length);
    encoded.set(header, 4);
    let at = 4 + header.length;
    for (const { bytes } of this.#parts) {
      encoded.set(bytes.expose(), at);
      at += bytes.lengthBytes;
    }
    return SecretBytes.take(encoded);
  }

  [Symbol.dispose](): void {
    for (const { bytes } of this.#parts) bytes[Symbol.dispose]();
    this.#instanceKey = undefined;
  }
}

function onlyPart(parts: readonly Part[], use: PartUse): SecretBytes {
  const found = parts.filter((part) => part.use === use);
  if (found.length !== 1) throw new RangeError(`keyring part ${use}`);
  return found[0]!.bytes;
}
