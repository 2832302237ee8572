/**
 * A small strict reader of DER: definite minimal lengths, no bytes left over, low tag numbers.
 * It must never recurse by itself: the caller opens exactly the levels that it knows.
 * @module
 */

/** One element: identifier octet and content octets. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
}

export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  version: 0xa0,
  extensions: 0xa3,
} as const;

/** Reads all elements that stand in these bytes, one after the other. @throws TypeError if they are not DER. */
export function readDer(bytes: Uint8Array): readonly DerElement[] {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at]!;
    if ((tag & 0x1f) === 0x1f) throw new TypeError('DER: high tag number');
    const { length, headerEnd } = readLength(bytes, at + 1);
    const end = headerEnd + length;
    if (end > bytes.length) throw new TypeError('DER: truncated');
    elements.push({ tag, content: bytes.subarray(headerEnd, end) });
    at = end;
  }
  return elements;
}

/** The elements inside a constructed element of this tag. @throws TypeError */
export function childrenOf(element: DerElement | undefined, tag: number): readonly DerElement[] {
  return readDer(contentOf(element, tag));
}

/** Content of an element that must have this tag. @throws TypeError */
export function contentOf(element: DerElement | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw new TypeError('DER: another element was expected');
  return element.content;
}

/** A boolean in its only DER form. @throws TypeError */
export function booleanOf(element: DerElement): boolean {
  const content = contentOf(element, derTags.boolean);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new TypeError('DER: boolean');
  return content[0] === 0xff;
}

/** A non-negative integer below 2^31. @throws TypeError */
export function smallIntegerOf(element: DerElement | undefined): number {
  const content = contentOf(element, derTags.integer);
  const isMinimal = content.length === 1 || !(content[0] === 0 && content[1]! < 0x80);
  if (content.length === 0 || content.length > 4 || content[0]! >= 0x80 || !isMinimal) {
    throw new TypeError('DER: integer');
  }
  return content.reduce((value, byte) => value * 256 + byte, 0);
}

/** Dotted form of an object identifier. @throws TypeError */
export function objectIdentifierOf(element: DerElement | undefined): string {
  const content = contentOf(element, derTags.objectIdentifier);
  const arcs: number[] = [];
  let value = 0;
  for (const [index, byte] of content.entries()) {
    const isFirst = index === 0 || content[index - 1]! < 0x80;
    if ((isFirst && byte === 0x80) || value > 2 ** 40) throw new TypeError('DER: object identifier');
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(value);
      value = 0;
    }
  }
  const first = arcs.shift();
  if (first === undefined || content.at(-1)! >= 0x80) throw new TypeError('DER: object identifier');
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...arcs].join('.');
}

function readLength(bytes: Uint8Array, at: number): { readonly length: number; readonly headerEnd: number } {
  const first = bytes[at] ?? 0xff;
  if (first < 0x80) return { length: first, headerEnd: at + 1 };
  const count = first & 0x7f;
  let length = 0;
  for (let index = 1; index <= count; index += 1) length = length * 256 + (bytes[at + index] ?? Number.NaN);
  const minimum = count === 1 ? 0x80 : 256 ** (count - 1);
  // Also false for NaN: the length itself is truncated. Without octets it is indefinite, and 0 is too small.
  if (!(length >= minimum)) throw new TypeError('DER: length');
  return { length, headerEnd: at + 1 + count };
}
