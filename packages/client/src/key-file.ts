/**
 * Key files: unencrypted PKCS#8 in PEM. One block is a single-key identity; in several the first signs, the second
 * opens, further ones are older opening keys. It must never make a string of private bytes.
 * @module
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { openingKeyOf, SecretBytes, signingKeyOf, type OpeningKey, type SigningKey } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';

/** Why a key file was refused; bad-input names. */
export type KeyFileFailure =
  | 'key_encrypted'
  | 'key_pkcs1'
  | 'key_sec1'
  | 'key_openssh'
  | 'key_other_pem'
  | 'key_not_pem'
  | 'key_damaged'
  | 'key_count'
  | 'key_kind';

/** A key file that cannot be used; the message names what is accepted. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  readonly reason: KeyFileFailure;
  constructor(reason: KeyFileFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** Keys of one file. */
export interface KeyFile {
  readonly signingKey: SigningKey;
  readonly openingKeys: readonly [OpeningKey, ...OpeningKey[]];
}

const mostBlocks = 16;
const begin = Buffer.from('-----BEGIN ');
const dashes = Buffer.from('-----');
const accepted = 'accepted is unencrypted PKCS#8 in PEM ("BEGIN PRIVATE KEY")';

/** Other formats by their PEM label, with the command that converts them. */
const refused: Readonly<Record<string, { readonly reason: KeyFileFailure; readonly words: string }>> = {
  'ENCRYPTED PRIVATE KEY': { reason: 'key_encrypted', words: 'it is encrypted' },
  'RSA PRIVATE KEY': { reason: 'key_pkcs1', words: 'it is PKCS#1' },
  'EC PRIVATE KEY': { reason: 'key_sec1', words: 'it is SEC1' },
  'OPENSSH PRIVATE KEY': { reason: 'key_openssh', words: 'it is in the format of OpenSSH' },
};

/** Reads the keys of a file. A BOM, CRLF and white space around lines and blocks are accepted; other text is not. @throws KeyFileError */
export function parseKeyFile(file: SecretBytes | Uint8Array): KeyFile {
  const bytes = file instanceof SecretBytes ? file.expose() : file;
  const keys = splitBlocks(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).map(importBlock);
  const [first, ...others] = keys;
  if (first === undefined) throw new KeyFileError('key_not_pem', `Cannot read the key file: no PEM block; ${accepted}`);
  const opening = others.length === 0 ? [first] : others;
  try {
    return {
      signingKey: signingKeyOf(first),
      openingKeys: opening.map((key) => openingKeyOf(key)) as [OpeningKey, ...OpeningKey[]],
    };
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw new KeyFileError('key_kind', `Cannot use the key file: ${cause.message}`, cause);
  }
}

/** Writes a key file: one block if one key does both, else the signing key and then the opening keys. */
export function formatKeyFile(keys: {
  readonly signingKey: SigningKey;
  readonly openingKeys: readonly OpeningKey[];
}): SecretBytes {
  const isSingle = keys.openingKeys.length === 1 && keys.openingKeys[0]!.thumbprint === keys.signingKey.thumbprint;
  const blocks = [keys.signingKey, ...(isSingle ? [] : keys.openingKeys)].map((key) => pemBlock(key.keyObject));
  const file = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let offset = 0;
  for (const block of blocks) {
    file.set(block, offset);
    offset += block.length;
    block.fill(0);
  }
  return SecretBytes.take(file);
}

/** The PEM blocks as views of the file. */
function splitBlocks(file: Buffer): readonly Buffer[] {
  const hasByteOrderMark = file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf;
  const blocks: Buffer[] = [];
  let rest = file.subarray(hasByteOrderMark ? 3 : 0);
  for (;;) {
    const start = rest.indexOf(begin);
    if (!isWhiteSpace(start < 0 ? rest : rest.subarray(0, start))) {
      throw new KeyFileError('key_not_pem', `Cannot read the key file: it has text outside PEM blocks; ${accepted}`);
    }
    if (start < 0) return blocks;
    if (blocks.length === mostBlocks) {
      throw new KeyFileError('key_count', `Cannot read the key file: more than ${mostBlocks} keys`);
    }
    const block = blockAt(rest, start);
    blocks.push(block);
    rest = rest.subarray(start + block.length);
  }
}

function blockAt(rest: Buffer, start: number): Buffer {
  const labelEnd = rest.indexOf(dashes, start + begin.length);
  if (labelEnd < 0) throw new KeyFileError('key_damaged', 'Cannot read the key file: a PEM block has no end');
  // A label is public; only it becomes a string.
  const label = rest.subarray(start + begin.length, labelEnd).toString('latin1');
  if (label !== 'PRIVATE KEY') {
    const known = Object.hasOwn(refused, label) ? refused[label]! : undefined;
    throw new KeyFileError(
      known?.reason ?? 'key_other_pem',
      `Cannot read the key file: ${known?.words ?? 'it holds something else than a private key'}; ${accepted}. ` +
        'Convert it with: openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW',
    );
  }
  const end = Buffer.from(`-----END ${label}-----`);
  const endStart = rest.indexOf(end, labelEnd);
  if (endStart < 0) throw new KeyFileError('key_damaged', 'Cannot read the key file: a PEM block has no end');
  return rest.subarray(start, endStart + end.length);
}

function importBlock(block: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: block, format: 'pem' });
  } catch (cause) {
    throw new KeyFileError('key_damaged', 'Cannot read the key file: a PEM block holds no private key', cause);
  }
}

function isWhiteSpace(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

const base64Alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const lineCharacters = 64;

/** PKCS#8 in PEM, written as bytes: KeyObject's own PEM export is a string that nobody can erase. */
function pemBlock(key: KeyObject): Uint8Array {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const head = Buffer.from('-----BEGIN PRIVATE KEY-----\n');
  const tail = Buffer.from('-----END PRIVATE KEY-----\n');
  const characters = Math.ceil(der.length / 3) * 4;
  const block = new Uint8Array(head.length + characters + Math.ceil(characters / lineCharacters) + tail.length);
  block.set(head);
  let offset = head.length;
  for (let index = 0, written = 0; index < der.length; index += 3) {
    const [first, second, third] = [der[index]!, der[index + 1], der[index + 2]];
    const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0);
    block[offset++] = base64Alphabet[bits >>> 18]!;
    block[offset++] = base64Alphabet[(bits >>> 12) & 63]!;
    block[offset++] = second === undefined ? 0x3d : base64Alphabet[(bits >>> 6) & 63]!;
    block[offset++] = third === undefined ? 0x3d : base64Alphabet[bits & 63]!;
    written += 4;
    if (written % lineCharacters === 0 || written === characters) block[offset++] = 0x0a;
  }
  block.set(tail, offset);
  der.fill(0);
  return block;
}
