/**
 * What the private key of a card does, each time in one run of `pkcs11-tool`.
 * It must never try a PIN again that the card has refused.
 * @module
 */
import { hash, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeOaepPadding, SecretBytes, type OpeningDevice, type SigningDevice } from '@letterlock/crypto';
import type { CommandError } from '../exit-status.ts';
import { cardFailure } from './card-failures.ts';
import type { RunTool, ToolAnswer, ToolFailure, ToolStep } from './pkcs11-tool.ts';

export interface CardKey {
  readonly run: RunTool;
  /** Arguments that name the slot and the key in it. */
  readonly selection: readonly string[];
  readonly publicKey: KeyObject;
  /** Undefined: only what needs no login works. */
  readonly pin: SecretBytes | undefined;
}

/** The signature of a digest, which every card can make. @source RFC 7518 §3.4, §3.5 */
const signing = {
  prime256v1: { digest: 'sha256', arguments: ['--mechanism', 'ECDSA', '--signature-format', 'rs'] },
  secp384r1: { digest: 'sha384', arguments: ['--mechanism', 'ECDSA', '--signature-format', 'rs'] },
  rsa: {
    digest: 'sha256',
    arguments: '--mechanism RSA-PKCS-PSS --hash-algorithm SHA256 --mgf MGF1-SHA256 --salt-len 32'.split(' '),
  },
} as const;

/** PKCS#11 left the form of a point open: some modules want it bare, older ones in an OCTET STRING. */
const derivations = [[], ['--derive-pass-der']] as const;

/** The whole of OAEP where the card has it with SHA-256, else its bare RSA step. */
const decryptions = [
  { arguments: '--mechanism RSA-PKCS-OAEP --hash-algorithm SHA256 --mgf MGF1-SHA256'.split(' '), isBare: false },
  { arguments: ['--mechanism', 'RSA-X-509'], isBare: true },
] as const;

/** After these nothing else is tried with the card. */
const final: readonly ToolFailure[] = ['pinWrong', 'pinLocked', 'token', 'module'];

/** Octets of a coordinate. */
const fieldBytes: Readonly<Record<string, number>> = { prime256v1: 32, secp384r1: 48 };

/** The device of one key. */
export function cardDevice(key: CardKey): SigningDevice & OpeningDevice {
  const { asymmetricKeyDetails: details = {} } = key.publicKey;
  const kind = (details.namedCurve ?? 'rsa') as keyof typeof signing;
  let end: CommandError | undefined;
  const perform = (step: ToolStep): ToolAnswer => {
    if (end !== undefined) throw end;
    const answer = key.run({ ...step, arguments: [...step.arguments, ...key.selection], pin: key.pin?.expose() });
    if (!answer.isDone && final.includes(answer.failure)) {
      end = cardFailure(answer);
      throw end;
    }
    return answer;
  };
  return {
    sign(data) {
      const { digest, arguments: mechanism } = signing[kind];
      return outputOf(perform({ arguments: ['--sign', ...mechanism], input: hash(digest, data, 'buffer') }));
    },
    agree(publicKey) {
      return inFile(publicKey.export({ format: 'der', type: 'spki' }), (path) => {
        const step = ['--derive', '--mechanism', 'ECDH1-DERIVE', '--input-file', path];
        const { answer } = firstDone(derivations, (form) => perform({ arguments: [...step, ...form] }));
        return ofLength(withoutNote(outputOf(answer)), fieldBytes[kind] ?? 0);
      });
    },
    decrypt(ciphertext) {
      const { answer, way } = firstDone(decryptions, ({ arguments: mechanism }) =>
        perform({ arguments: ['--decrypt', ...mechanism], input: ciphertext }),
      );
      if (!way.isBare) return SecretBytes.take(outputOf(answer));
      using encoded = ofLength(outputOf(answer), (details.modulusLength ?? 0) / 8);
      return encoded === undefined ? undefined : removeOaepPadding(encoded.expose());
    },
  };
}

/** The first way that works, or the last one. */
function firstDone<W>(
  ways: readonly W[],
  attempt: (way: W) => ToolAnswer,
): { readonly answer: ToolAnswer; readonly way: W } {
  const [way, ...others] = ways;
  const answer = attempt(way!);
  return answer.isDone || others.length === 0 ? { answer, way: way! } : firstDone(others, attempt);
}

function outputOf(answer: ToolAnswer): Buffer {
  if (!answer.isDone) throw cardFailure(answer);
  return answer.output;
}

/** The program prints what it does between the octets; which comes first is chance. */
function withoutNote(output: Buffer): Buffer {
  const note = /Using derive algorithm 0x[0-9a-f]{8} ECDH1-DERIVE\n/.exec(output.toString('latin1'));
  if (note === null) return output;
  const end = note.index + note[0].length;
  const octets = Buffer.concat([output.subarray(0, note.index), output.subarray(end)]);
  output.fill(0);
  return octets;
}

/** Some modules leave leading zeros out. */
function ofLength(bytes: Buffer, lengthBytes: number): SecretBytes | undefined {
  if (bytes.length === lengthBytes) return SecretBytes.take(bytes);
  const whole = new Uint8Array(lengthBytes);
  const isShort = bytes.length < lengthBytes;
  if (isShort) whole.set(bytes, lengthBytes - bytes.length);
  bytes.fill(0);
  return isShort ? SecretBytes.take(whole) : undefined;
}

/** A public key can reach the program only by a file; it is in a folder of the user's own and gone afterwards. */
function inFile<T>(bytes: Uint8Array, use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-card-'));
  try {
    const path = join(folder, 'point.der');
    writeFileSync(path, bytes, { mode: 0o600 });
    return use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
