/**
 * The records that lie under their literal names because a sealed server must find them, and the plain one among them.
 * It must never hold a name that tells anything about what users store.
 * @module
 */
import { canonicalBytes, integer, object, parseCanonical, ProblemError } from '@letterlock/protocol';

/** Logical paths = store keys. @source decisions.md, Storage paths */
export const systemPaths = {
  schema: 'sys/schema',
  seal: 'sys/seal',
  keyring: 'sys/keyring',
  epoch: 'sys/epoch',
  peerUnseal: 'sys/peer-unseal',
  bootImages: 'sys/boot-images',
} as const;

/** Parent of the share acknowledgements of one generation, with the closing slash. */
export function acknowledgementsPrefix(generation: number): string {
  return `sys/ack/${generation}/`;
}

/** What this version writes. A server reads its own and the one before; before the first there is none. */
export const schemaVersion = 1;
const schemaForm = /^[1-9][0-9]{0,8}$/;

/** `sys/schema` as stored: decimal digits, in clear, so that an older server can read what it must refuse. */
export function encodeSchema(): Uint8Array {
  return new TextEncoder().encode(String(schemaVersion));
}

/** @throws 'internal' unless this version may read the store. */
export function checkSchema(value: Uint8Array | undefined): void {
  const text = value === undefined ? '' : new TextDecoder().decode(value);
  if (!schemaForm.test(text)) {
    throw new ProblemError('internal', {
      reason: 'schema_unreadable',
      detail: 'The store holds an installation without a readable schema version',
    });
  }
  const found = Number(text);
  if (found > schemaVersion) {
    throw new ProblemError('internal', {
      reason: 'schema_newer',
      detail: `The store has schema version ${found}; this server reads up to ${schemaVersion}: start a newer version`,
    });
  }
}

const epochRecord = object({ epoch: integer(), v: integer(1, 1) });

/** `sys/epoch` as plaintext of the barrier: how often the installation was sealed on purpose. */
export function encodeEpoch(epoch: number): Uint8Array {
  return canonicalBytes({ epoch, v: 1 });
}

/** @throws 'bad_encoding' */
export function decodeEpoch(plaintext: Uint8Array): number {
  return epochRecord(parseCanonical(plaintext), '').epoch;
}

/** A share acknowledgement as plaintext of the barrier. */
export function encodeAcknowledgement(atSeconds: number): Uint8Array {
  return canonicalBytes({ at: atSeconds, v: 1 });
}
