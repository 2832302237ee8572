/**
 * The outer form of compact JWS and JWE: canonical parts and headers with exactly the members of their `typ`.
 * It must run before any cryptographic library sees the object, and must never look at a key.
 * @module
 */
import { decodeIfCanonical, isBase64url } from './base64url.ts';
import { decodeUtf8 } from './jcs.ts';
import { limits } from './limits.ts';
import { ProblemError } from './problems.ts';
import { jweMembers, jwsMembers, type JweTyp, type JwsTyp } from './registry.ts';

/** Header of a JWS: exactly `alg`, `typ`, `kid`. */
export interface JwsHeader {
  readonly alg: string;
  readonly typ: JwsTyp;
  readonly kid: string;
}
/** Header of a JWE: exactly the members of its `typ`; `epk` iff ECDH-ES+A256KW. */
export interface JweHeader {
  readonly alg: string;
  readonly enc: string;
  readonly typ: JweTyp;
  readonly kid?: string;
  readonly eh?: string;
  readonly ct?: string;
  readonly epk?: Readonly<Record<string, string>>;
  readonly inst?: string;
  readonly boot?: string;
  readonly purpose?: string;
  readonly gen?: number;
  readonly x?: number;
}

/** A JWS whose form is right and whose signature is not yet checked. */
export interface ParsedJws {
  readonly compact: string;
  readonly header: JwsHeader;
  /** The ASCII bytes that are signed: header part, dot, payload part. */
  readonly signingInput: string;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}
/** A JWE whose form is right and which is not yet decrypted. */
export interface ParsedJwe {
  readonly compact: string;
  readonly header: JweHeader;
  /** First part, as ASCII the associated data of the content encryption. */
  readonly protectedPart: string;
  readonly encryptedKey: Uint8Array<ArrayBuffer>;
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
  readonly tag: Uint8Array<ArrayBuffer>;
}

type Bytes = Uint8Array<ArrayBuffer>;

const thumbprint = /^[A-Za-z0-9_-]{43}$/;
const printable = /^[ !#-[\]-~"]*$/;

function malformed(reason: string, detail: string): ProblemError {
  return new ProblemError('bad_encoding', { reason, detail });
}

/** Reads a compact JWS of one `typ`. @throws 'bad_encoding' */
export function parseJws(compact: string, typ: JwsTyp, maximumCharacters: number): ParsedJws {
  const [head, body, signature] = splitParts(compact, 3, maximumCharacters) as [string, string, string];
  // Decoding is the check of the form; it comes before the header is looked at.
  const decoded = { payload: decodePart(body), signature: decodePart(signature) };
  const header = parseHeader(head);
  checkMembers(header, typ, jwsMembers);
  if (!isThumbprint(header['kid'])) throw malformed('bad_kid', 'The header has a kid that is not a thumbprint');
  return {
    compact,
    header: header as unknown as JwsHeader,
    signingInput: compact.slice(0, head.length + 1 + body.length),
    ...decoded,
  };
}

/** Reads a compact JWE of one `typ`: 96-bit IV, 128-bit tag. @throws 'bad_encoding' */
export function parseJwe(compact: string, typ: JweTyp, maximumCharacters: number): ParsedJwe {
  const parts = splitParts(compact, 5, maximumCharacters);
  const [encryptedKey, iv, ciphertext, tag] = parts.slice(1).map(decodePart) as [Bytes, Bytes, Bytes, Bytes];
  const header = checkJweHeader(parts[0]!, typ);
  if (iv.length !== 12 || tag.length !== 16)
    throw malformed('jwe_iv_or_tag_length', 'The IV is not 96 bits or the tag not 128');
  return {
    compact,
    header,
    protectedPart: parts[0]!,
    encryptedKey,
    iv,
    ciphertext,
    tag,
  };
}

/** Checks the form of a JWE without decoding its (possibly large) ciphertext, for who stores it and never opens it. @throws 'bad_encoding' */
export function checkJwe(compact: string, typ: JweTyp, maximumCharacters: number): JweHeader {
  const parts = splitParts(compact, 5, maximumCharacters);
  if (!parts.every(isBase64url)) throw partNotCanonical();
  const header = checkJweHeader(parts[0]!, typ);
  if (parts[2]!.length !== 16 || parts[4]!.length !== 22) {
    throw malformed('jwe_iv_or_tag_length', 'The IV is not 96 bits or the tag not 128');
  }
  return header;
}

function checkJweHeader(part: string, typ: JweTyp): JweHeader {
  const header = parseHeader(part);
  const agreed = header['alg'] === 'ECDH-ES+A256KW';
  checkMembers(header, typ, agreed ? [...jweMembers[typ], 'epk'] : jweMembers[typ]);
  if (header['kid'] !== undefined && !isThumbprint(header['kid']))
    throw malformed('bad_kid', 'The header has a kid that is not a thumbprint');
  return header as unknown as JweHeader;
}

function splitParts(compact: string, count: number, maximumCharacters: number): readonly string[] {
  if (compact.length > maximumCharacters)
    throw new ProblemError('too_large', { detail: `An object is longer than ${maximumCharacters} characters` });
  const parts = compact.split('.', count + 1);
  if (parts.length !== count) throw malformed('part_count', `Expected ${count} parts`);
  return parts;
}

function decodePart(part: string): Bytes {
  const bytes = decodeIfCanonical(part);
  if (bytes === undefined) throw partNotCanonical();
  return bytes;
}

function partNotCanonical(): ProblemError {
  return malformed('base64url_not_canonical', 'A part is not canonical base64url');
}

/** Any member order, no white space, no repeated member: what JSON.stringify writes back must be what was read. */
function parseHeader(part: string): Readonly<Record<string, unknown>> {
  if (part.length > (limits.joseHeaderBytes * 4) / 3 + 1)
    throw malformed('header_too_long', `The header is longer than ${limits.joseHeaderBytes} bytes`);
  const text = decodeUtf8(decodePart(part));
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw malformed('header_not_json', 'The header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw malformed('header_not_object', 'The header is not an object');
  if (!printable.test(text) || JSON.stringify(header) !== text) {
    throw malformed('header_not_canonical', 'The header has white space, escapes or repeated members');
  }
  return header as Readonly<Record<string, unknown>>;
}

function checkMembers(header: Readonly<Record<string, unknown>>, typ: string, members: readonly string[]): void {
  if (header['typ'] !== typ) throw malformed('wrong_typ', 'The object is of another type than expected here');
  const names = Object.keys(header);
  if (names.length !== members.length || !members.every((name) => Object.hasOwn(header, name))) {
    throw malformed('header_members', 'The header has not exactly the members of its type');
  }
  for (const name of names) {
    const value = header[name];
    const accepted = name === 'epk' ? isRecordOfStrings(value) : typeof value === 'string' || isPlainInteger(value);
    if (!accepted) throw malformed('header_member_type', 'A header member has the wrong type');
  }
  for (const name of ['alg', 'enc', 'eh', 'ct', 'inst', 'boot', 'purpose']) {
    if (Object.hasOwn(header, name) && typeof header[name] !== 'string')
      throw malformed('header_member_type', 'A header member has the wrong type');
  }
  for (const name of ['gen', 'x']) {
    if (Object.hasOwn(header, name) && typeof header[name] !== 'number')
      throw malformed('header_member_type', 'A header member has the wrong type');
  }
}

function isPlainInteger(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRecordOfStrings(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string')
  );
}

function isThumbprint(value: unknown): boolean {
  return typeof value === 'string' && thumbprint.test(value);
}
