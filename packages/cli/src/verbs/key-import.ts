/**
 * `letterlock key import`: a key of another tool becomes a key file.
 * It must never take a passphrase from the command line, nor open PKCS#12 in this process.
 * @module
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { KeyFile } from '@letterlock/client';
import { openingKeyOf, signingKeyOf } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';
import type { Context } from '../context.ts';
import { usage } from '../exit-status.ts';
import { permissionProblem, writeKeyFile } from '../files/key-file.ts';
import { detectKeyFormat } from '../files/key-format.ts';
import { readRegularFile, readStream } from '../files/read-file.ts';
import { checkTarget } from '../files/write-file.ts';
import { openPkcs12 } from '../pkcs12.ts';
import { readHidden } from '../prompt.ts';
import { requireKeyFile } from '../read-keys.ts';
import { defineVerb } from '../verb.ts';

const limitBytes = 65_536;
const passphraseBytes = 1024;

export const verb = defineVerb({
  description:
    'Reads PKCS#8 (PEM or DER, also encrypted) and PKCS#12, and writes a key file with mode 0600. ' +
    'The one key then signs and receives, as with smart cards; P-256, P-384 and RSA from 2048 bits can.',
  arguments: { '<file>': 'the key of the other tool' },
  options: {
    out: { flags: '--out <file>', help: 'the key file to write' },
    passphraseFile: {
      flags: '--passphrase-file <file>',
      help: 'where the passphrase stands; - for standard input; default: ask',
    },
    force: { flags: '--force', help: 'replace the key file' },
  },
  examples: [
    { command: 'letterlock key import alice.p12 --out alice.key', does: 'import PKCS#12, asking for the passphrase' },
    {
      command: 'letterlock key import old.pem --out alice.key --passphrase-file pass.txt',
      does: 'import an encrypted PKCS#8 file',
    },
  ],
  async run(context, { arguments: [source = ''], options }) {
    const path = requireKeyFile(options.out ?? (await context.settings()).keyPath, 'import');
    if (path === undefined) throw usage('Cannot import: no key file is named', 'name it with --out');
    checkTarget(path, options.force);
    const { bytes, stats } = readRegularFile(source, limitBytes, 'the key to import');
    try {
      const format = detectKeyFormat(bytes);
      if (format === 'pkcs8' && permissionProblem(source, stats.mode) !== undefined) {
        context.output.warn(`${source} can be read by others: make a new key if anybody else uses this machine`);
      }
      const key = await readKey(context, bytes, format, options.passphraseFile);
      const keys = keysOf(key);
      writeKeyFile(path, keys, options.force);
      const { thumbprint: id, kind } = keys.signingKey;
      context.output.result({ id, file: path, kind, format }, [
        ['id', id],
        ['file', path],
        ['kind', kind],
      ]);
    } finally {
      bytes.fill(0);
    }
  },
});

async function readKey(
  context: Context,
  bytes: Uint8Array,
  format: 'pkcs8' | 'pkcs8-encrypted' | 'pkcs12',
  passphraseFile: string | undefined,
): Promise<KeyObject> {
  if (format === 'pkcs8') return importPkcs8(bytes, undefined);
  const passphrase = await readPassphrase(context, passphraseFile);
  try {
    if (format === 'pkcs8-encrypted') return importPkcs8(bytes, passphrase);
    const pkcs8 = await context.progress('Opening PKCS#12', openPkcs12(bytes, passphrase, context.signal));
    try {
      return importPkcs8(pkcs8, undefined);
    } finally {
      pkcs8.fill(0);
    }
  } finally {
    passphrase.fill(0);
  }
}

function importPkcs8(bytes: Uint8Array, passphrase: Uint8Array | undefined): KeyObject {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isPem = key.includes('-----BEGIN ');
  const secret =
    passphrase === undefined
      ? {}
      : { passphrase: Buffer.from(passphrase.buffer, passphrase.byteOffset, passphrase.byteLength) };
  try {
    return createPrivateKey(
      isPem ? { key, format: 'pem', ...secret } : { key, format: 'der', type: 'pkcs8', ...secret },
    );
  } catch {
    throw usage(
      passphrase === undefined
        ? 'Cannot import: the file holds no private key that can be read'
        : 'Cannot import: the passphrase is wrong, or the file is damaged',
    );
  }
}

function keysOf(key: KeyObject): KeyFile {
  try {
    return { signingKey: signingKeyOf(key), openingKeys: [openingKeyOf(key)] };
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw usage(`Cannot import: ${cause.message}`, 'accepted are P-256, P-384 and RSA of 2048 to 4096 bits');
  }
}

/** Bytes of the passphrase without the line end. */
async function readPassphrase(context: Context, file: string | undefined): Promise<Uint8Array> {
  if (file === undefined) {
    return readHidden(
      context.terminal,
      'Passphrase',
      'give it with --passphrase-file, or --passphrase-file - for standard input',
    );
  }
  const bytes =
    file === '-'
      ? await readStream(context.input, passphraseBytes, 'the passphrase')
      : readRegularFile(file, passphraseBytes, 'the passphrase').bytes;
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end -= 1;
  return bytes.subarray(0, end);
}
