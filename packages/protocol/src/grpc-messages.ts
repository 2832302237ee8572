/**
 * The messages of proto/letterlock/v1 and google.rpc.Status as bytes: few and small, so that both ends need no generated code.
 * It must never accept a second spelling of a document: what is hashed and what is read must be the same.
 * @module
 */
import { decodeUtf8, encodeUtf8 } from './jcs.ts';
import { ProblemError } from './problems.ts';

/** Field 1, length-delimited. @source https://protobuf.dev/programming-guides/encoding/ */
const bodyTag = 0x0a;
/** The tag, and a length of at most five bytes. */
export const framingBytes = 6;
const lengthBytesLimit = 5;
const varintBytesLimit = 8;
const varintType = 0;
const delimitedType = 2;

/** `Call` and `Reply`: one field of bytes. */
export function encodeDocument(body: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(bodyTag, ...varint(body.length)), body]);
}

/** @returns a view of the body. @throws 'bad_encoding' for anything but exactly one body with the shortest length */
export function decodeDocument(message: Uint8Array): Uint8Array {
  let length = 0;
  for (let at = 1; at <= lengthBytesLimit && message[0] === bodyTag; at += 1) {
    const byte = message[at];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * (at - 1));
    if (byte > 0x7f) continue;
    const isShortest = at === 1 || byte > 0;
    const body = message.subarray(at + 1);
    if (isShortest && body.length === length) return body;
    break;
  }
  throw new ProblemError('bad_encoding', { reason: 'grpc_message', detail: 'The message is not one document' });
}

/** `Event`: a secret that the pod may have, and its latest version. Without `binding`: everything was told once. */
export interface WatchEvent {
  /** `<namespace>/<name>`, or empty. */
  readonly binding: string;
  readonly secret: string;
  /** 0: not yet written. */
  readonly version: number;
  /** What the binding says about delivery, canonical JSON; empty for nothing. */
  readonly delivery: Uint8Array;
  /** Of a secret that opens once: id of the wrap that it is now. Empty for every other, and while it is not written. */
  readonly wrap: string;
}

export function encodeEvent({ binding, secret, version, delivery, wrap }: WatchEvent): Uint8Array {
  return concat([
    ...(binding === '' ? [] : [field(1, encodeUtf8(binding))]),
    ...(secret === '' ? [] : [field(2, encodeUtf8(secret))]),
    ...(version === 0 ? [] : [Uint8Array.of((3 << 3) | varintType, ...varint(version))]),
    ...(delivery.length === 0 ? [] : [field(4, delivery)]),
    ...(wrap === '' ? [] : [field(5, encodeUtf8(wrap))]),
  ]);
}

/** Members of later versions are left out. @throws 'bad_encoding' */
export function decodeEvent(message: Uint8Array): WatchEvent {
  const fields = readFields(message);
  const version = fields.get(3)?.at(-1) ?? 0;
  if (typeof version !== 'number') throw malformed();
  return {
    binding: textOf(fields, 1),
    secret: textOf(fields, 2),
    version,
    delivery: bytesOf(fields, 4),
    wrap: textOf(fields, 5),
  };
}

/** google.rpc.Status with one google.rpc.ErrorInfo, as the trailer `grpc-status-details-bin` holds it. */
export interface StatusDetails {
  /** Number of the gRPC status. */
  readonly code: number;
  readonly message: string;
  /** ErrorInfo.reason: a code of the problem table. */
  readonly reason: string;
  /** ErrorInfo.metadata: members of the problem document, as text. */
  readonly metadata: Readonly<Record<string, string>>;
}
const errorDomain = 'letterlock';
const errorInfoType = 'type.googleapis.com/google.rpc.ErrorInfo';

/** @source https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto and error_details.proto */
export function encodeStatusDetails({ code, message, reason, metadata }: StatusDetails): Uint8Array {
  const entries = Object.entries(metadata).map(([name, value]) =>
    field(3, concat([field(1, encodeUtf8(name)), field(2, encodeUtf8(value))])),
  );
  const errorInfo = concat([field(1, encodeUtf8(reason)), field(2, encodeUtf8(errorDomain)), ...entries]);
  const any = concat([field(1, encodeUtf8(errorInfoType)), field(2, errorInfo)]);
  return concat([Uint8Array.of(0x08, ...varint(code)), field(2, encodeUtf8(message)), field(3, any)]);
}

/** @returns undefined for bytes without an ErrorInfo of ours */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails | undefined {
  try {
    const outer = readFields(bytes);
    const any = readFields(bytesOf(outer, 3));
    if (textOf(any, 1) !== errorInfoType) return undefined;
    const info = readFields(bytesOf(any, 2));
    if (textOf(info, 2) !== errorDomain) return undefined;
    const entries = (info.get(3) ?? []).map((entry) => {
      if (typeof entry === 'number') throw malformed();
      const pair = readFields(entry);
      return [textOf(pair, 1), textOf(pair, 2)] as const;
    });
    const code = outer.get(1)?.at(-1) ?? 0;
    if (typeof code !== 'number') return undefined;
    return { code, message: textOf(outer, 2), reason: textOf(info, 1), metadata: Object.fromEntries(entries) };
  } catch {
    return undefined;
  }
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

function readFields(message: Uint8Array): Fields {
  const fields = new Map<number, (Uint8Array | number)[]>();
  for (let at = 0; at < message.length;) {
    const tag = readVarint(message, at);
    const head = readVarint(message, tag.end);
    const number = Math.floor(tag.value / 8);
    const type = tag.value % 8;
    if (number === 0 || (type !== varintType && type !== delimitedType)) throw malformed();
    at = type === varintType ? head.end : head.end + head.value;
    if (at > message.length) throw malformed();
    const value = type === varintType ? head.value : message.subarray(head.end, at);
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

function readVarint(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = start; at < start + varintBytesLimit; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte <= 0x7f && Number.isSafeInteger(value)) return { value, end: at + 1 };
  }
  throw malformed();
}

function varint(value: number): readonly number[] {
  const bytes = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

/** A length-delimited field. */
function field(number: number, value: Uint8Array): Uint8Array {
  return concat([Uint8Array.of((number << 3) | delimitedType, ...varint(value.length)), value]);
}

function bytesOf(fields: Fields, number: number): Uint8Array {
  const value = fields.get(number)?.at(-1) ?? new Uint8Array(0);
  if (typeof value === 'number') throw malformed();
  return value;
}

function textOf(fields: Fields, number: number): string {
  return decodeUtf8(bytesOf(fields, number));
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

function malformed(): ProblemError {
  return new ProblemError('bad_encoding', { reason: 'grpc_message', detail: 'The message is not what it should be' });
}
