/**
 * Which of the formats that `key import` knows a file is in.
 * It must never parse further than it must to tell them apart.
 * @module
 */
import { usage } from '../exit-status.ts';

export type KeyFormat = 'pkcs8' | 'pkcs8-encrypted' | 'pkcs12';

const accepted = 'accepted are PKCS#8 (PEM or DER, also encrypted) and PKCS#12';

/** PEM labels that are something else, with the way to PKCS#8. */
const otherLabels: Readonly<Record<string, string>> = {
  'RSA PRIVATE KEY': 'it is PKCS#1: convert it with "openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW"',
  'EC PRIVATE KEY': 'it is SEC1: convert it with "openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW"',
  'OPENSSH PRIVATE KEY': 'it is in the format of OpenSSH: convert a copy with "ssh-keygen -p -m PKCS8 -f COPY"',
};

const sequenceTag = 0x30;
const integerTag = 0x02;
const pkcs12Version = 3;

/** The format by the PEM label, or by the first two elements of the DER. @throws usage naming the accepted ones */
export function detectKeyFormat(bytes: Uint8Array): KeyFormat {
  const labels = [
    ...Buffer.from(bytes)
      .toString('latin1')
      .matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----/g),
  ].map(([, label]) => label!);
  if (labels.length > 0) return formatOfLabels(labels);
  if (bytes[0] !== sequenceTag) throw unknown('it is neither PEM nor DER');
  const content = bytes.subarray(contentStart(bytes));
  if (content[0] === sequenceTag) return 'pkcs8-encrypted';
  if (content[0] !== integerTag || content[1] !== 1) throw unknown('its DER is something else');
  if (content[2] === pkcs12Version) return 'pkcs12';
  // PKCS#8 has version 0 or 1 and then a SEQUENCE; PKCS#1 and SEC1 have other things there.
  if (content[2]! <= 1 && content[3] === sequenceTag) return 'pkcs8';
  throw unknown('its DER is something else');
}

function formatOfLabels(labels: readonly string[]): KeyFormat {
  const keys = labels.filter((label) => label.includes('KEY'));
  const [label] = keys;
  if (label === undefined) throw unknown('it holds no key');
  if (keys.length > 1) throw unknown('it holds more than one key');
  if (label === 'PRIVATE KEY') return 'pkcs8';
  if (label === 'ENCRYPTED PRIVATE KEY') return 'pkcs8-encrypted';
  throw unknown(Object.hasOwn(otherLabels, label) ? otherLabels[label]! : 'it holds something else than a private key');
}

/** Offset of the content of a DER element. */
function contentStart(bytes: Uint8Array): number {
  const length = bytes[1] ?? 0;
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
}

function unknown(why: string): Error {
  return usage(`Cannot import the key: ${why}`, accepted);
}
