/**
 * The child process that opens PKCS#12: passphrase and file on standard input, PKCS#8 DER on standard output.
 * It must never be imported, and node-forge must never be used for anything but decoding here.
 * @module
 */
import forge from 'node-forge';
import { pkcs12Limits, type Pkcs12Refusal } from './pkcs12-limits.ts';

class Refusal extends Error {
  readonly status: Pkcs12Refusal;

  constructor(status: Pkcs12Refusal) {
    super();
    this.status = status;
  }
}

/** Deepest nesting that is followed while looking for iteration counts. */
const deepest = 24;

function readPrivateKey(file: Buffer, passphrase: string): Buffer {
  const pfx = attempt(40, () => forge.asn1.fromDer(file.toString('binary'), true));
  // PFX ::= SEQUENCE { version, authSafe, macData OPTIONAL }; without a MAC anybody could have changed it.
  if (!Array.isArray(pfx.value) || pfx.value.length < 2) throw new Refusal(40);
  if (pfx.value.length !== 3) throw new Refusal(41);
  checkIterations(pfx, 0);
  const opened = attempt(43, () => forge.pkcs12.pkcs12FromAsn1(pfx, true, passphrase));
  const { keyBag, pkcs8ShroudedKeyBag } = forge.pki.oids;
  const bags = [keyBag, pkcs8ShroudedKeyBag].flatMap(
    (bagType) => opened.getBags({ bagType: bagType! })[bagType!] ?? [],
  );
  if (bags.length !== 1) throw new Refusal(bags.length === 0 ? 44 : 45);
  const [{ key, asn1 }] = bags as [forge.pkcs12.Bag];
  return attempt(46, () => {
    // forge knows RSA; any other key it leaves as the PrivateKeyInfo that it found.
    const info = key ? forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(key)) : asn1;
    return Buffer.from(forge.asn1.toDer(info).getBytes(), 'binary');
  });
}

/** Salt, then iterations: in every algorithm of PKCS#12 an INTEGER right after an OCTET STRING counts rounds. */
function checkIterations(node: forge.asn1.Asn1, depth: number): void {
  if (depth > deepest) throw new Refusal(40);
  const { Type } = forge.asn1;
  if (!Array.isArray(node.value)) {
    // OCTET STRINGs hold further DER.
    const isNested = (node.type as number) === (Type.OCTETSTRING as number) && typeof node.value === 'string';
    const inside = isNested ? parseOrNothing(node.value) : undefined;
    if (inside !== undefined) checkIterations(inside, depth + 1);
    return;
  }
  let before: forge.asn1.Asn1 | undefined;
  for (const child of node.value) {
    const isCount =
      (child.type as number) === (Type.INTEGER as number) && (before?.type as number) === (Type.OCTETSTRING as number);
    if (isCount && integerOf(child.value as unknown as string) > pkcs12Limits.iterations) throw new Refusal(42);
    checkIterations(child, depth + 1);
    before = child;
  }
}

function parseOrNothing(der: string): forge.asn1.Asn1 | undefined {
  try {
    return forge.asn1.fromDer(der, true);
  } catch {
    return undefined;
  }
}

function integerOf(bytes: string): number {
  return Number(`0x${Buffer.from(bytes, 'binary').toString('hex') || '0'}`);
}

function attempt<T>(status: Pkcs12Refusal, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(status);
  }
}

const chunks: Buffer[] = [];
for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
const message = Buffer.concat(chunks);
try {
  const length = message.readUInt16BE(0);
  const passphrase = new TextDecoder('utf-8', { fatal: true }).decode(message.subarray(2, 2 + length));
  process.stdout.write(readPrivateKey(message.subarray(2 + length), passphrase));
} catch (error) {
  process.exitCode = error instanceof Refusal ? error.status : 40;
}
