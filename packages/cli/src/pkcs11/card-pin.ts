/**
 * The PIN of a card: from a file, from an environment variable, or from a person.
 * It must never come from the command line, and never be tried when it could be the last try and nobody looks.
 * @module
 */
import { SecretBytes } from '@letterlock/crypto';
import type { Context } from '../context.ts';
import { CommandError, usage } from '../exit-status.ts';
import { permissionProblem } from '../files/key-file.ts';
import { readRegularFile } from '../files/read-file.ts';
import { readHidden } from '../prompt.ts';
import { cardFailure } from './card-failures.ts';
import type { CardToken } from './card-listing.ts';
import type { PinSource } from './pkcs11-uri.ts';

const pinBytes = 128;

/** What reading a PIN needs of a run. */
export type PinContext = Pick<Context, 'environment' | 'terminal' | 'output'>;

/** The PIN, without a line end. @throws usage if there is none; authentication if the token says that its PIN is locked or nearly so */
export async function readPin(
  context: PinContext,
  source: PinSource | undefined,
  token: CardToken,
): Promise<SecretBytes> {
  if (token.pinState === 'locked') throw cardFailure({ isDone: false, failure: 'pinLocked', returnValue: undefined });
  if (token.pinState === 'last try' && source !== undefined) {
    throw new CommandError(
      'authentication',
      'Cannot use the card: one more wrong PIN locks it, and nobody is asked',
      'leave pin-source out and type the PIN, or check it with the tool of the card',
    );
  }
  if (token.pinState !== 'fine') context.output.warn(`A wrong PIN was given before: ${warnings[token.pinState]}`);
  const bytes = await readBytes(context, source, token);
  if (bytes.length === 0) throw usage('Cannot use the card: the PIN is empty');
  return SecretBytes.take(bytes);
}

const warnings = {
  'few tries': 'the card counts, and locks itself after a few more.',
  'last try': 'one more locks the card.',
} as const;

function readBytes(
  context: PinContext,
  source: PinSource | undefined,
  token: CardToken,
): Promise<Uint8Array> | Uint8Array {
  if (source === undefined) {
    return readHidden(
      context.terminal,
      `PIN of ${token.label}`,
      'give the PIN with pin-source=file:/path or pin-source=env:NAME in the URI',
    );
  }
  if (source.kind === 'file') return readPinFile(source.path);
  const value = context.environment[source.name];
  if (value === undefined) throw usage(`Cannot use the card: the variable ${source.name} of its pin-source is not set`);
  return Buffer.from(value);
}

function readPinFile(path: string): Uint8Array {
  const { bytes, stats } = readRegularFile(path, pinBytes, 'the PIN');
  const problem = permissionProblem(path, stats.mode, 'the PIN in');
  if (problem !== undefined) {
    bytes.fill(0);
    throw problem;
  }
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end -= 1;
  return bytes.subarray(0, end);
}
