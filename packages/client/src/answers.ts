/**
 * Answers of the service: documents of success and problem documents, each read once.
 * It must never believe a refusal's receipt before its signature, nor pass on control characters of a server's text.
 * @module
 */
import { verifyReceipt } from '@letterlock/crypto';
import {
  parseCanonical,
  problems,
  type ProblemCode,
  type ProblemMembers,
  type Reader,
  type ReceiptClaims,
} from '@letterlock/protocol';
import type { RawAnswer } from './connection.ts';
import { ConnectionError, LetterlockError } from './errors.ts';
import type { VerifiedServer } from './trust.ts';

/** Longest detail that is shown, characters. */
const detailCharacters = 500;

/** Reads a document of success. @throws ConnectionError 'bad_answer' */
export function readDocument<T>(reader: Reader<T>, body: Uint8Array): T {
  try {
    return reader(parseCanonical(body), '');
  } catch (cause) {
    throw new ConnectionError(
      'bad_answer',
      'The answer of the server is not what this route answers',
      'unknown',
      cause,
    );
  }
}

/** What a refusal's receipt must be about. */
export interface AskedFor {
  readonly server: VerifiedServer | undefined;
  /** Undefined where the caller does not know it: a receipt is then bound to the request by its nonce alone. */
  readonly wrapId: string | undefined;
  /** Whether a refusal of this route can have a receipt. Default: where the id is known. */
  readonly isReceiptExpected?: boolean;
  readonly nonce: string | undefined;
}

/** Makes the error of a refusal, with its receipt if that is valid for this request. */
export function refusalOf(answer: RawAnswer, asked: AskedFor): LetterlockError | ConnectionError {
  const document = problemDocument(answer);
  if (document === undefined) {
    return new ConnectionError(
      'bad_answer',
      `The server answered ${answer.status} without a problem document`,
      'unknown',
    );
  }
  const { code, detail, requestId, members } = document;
  const retryAfter = Number(answer.headers['retry-after']);
  return new LetterlockError(code, {
    ...(detail === undefined ? {} : { detail }),
    ...(Number.isSafeInteger(retryAfter) ? { retryAfterSeconds: retryAfter } : {}),
    members,
    requestId,
    receipt: provenReceipt(members, asked),
  });
}

/** The receipt, if the pinned key signed it, for this wrap and this request, about the state and time that the refusal names. */
function provenReceipt(members: ProblemMembers, asked: AskedFor): ReceiptClaims | undefined {
  const { server, wrapId, nonce, isReceiptExpected = wrapId !== undefined } = asked;
  if (members.rcpt === undefined || server === undefined || !isReceiptExpected || nonce === undefined) return undefined;
  try {
    const receipt = verifyReceipt(members.rcpt, server.instanceKey, {
      nonce,
      ...(wrapId === undefined ? {} : { id: wrapId }),
    });
    return receipt.st === members.st && receipt.at === members.at ? receipt : undefined;
  } catch {
    return undefined;
  }
}

interface ReadProblem {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  readonly members: ProblemMembers;
}

/** Problem documents are ordinary JSON: unknown members are left out, and a code must belong to its status. */
function problemDocument(answer: RawAnswer): ReadProblem | undefined {
  const document = parseObject(answer.body);
  const code = document['code'];
  if (typeof code !== 'string' || !Object.hasOwn(problems, code)) return undefined;
  const known = code as ProblemCode;
  if (problems[known].status !== answer.status) return undefined;
  const text = (name: string): string | undefined => {
    const value = document[name];
    return typeof value === 'string' ? value : undefined;
  };
  const number = (name: string): number | undefined => {
    const value = document[name];
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  };
  const members = {
    st: printable(text('st'), 32),
    at: number('at'),
    rcpt: text('rcpt'),
    kid: printable(text('kid'), 43),
    proof: text('proof'),
    ver: number('ver'),
  };
  return {
    code: known,
    detail: printable(text('detail'), detailCharacters),
    requestId: printable(text('instance'), 128),
    members: Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)),
  };
}

function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** No control or format characters: the text may end on a terminal. */
function printable(text: string | undefined, maximumCharacters: number): string | undefined {
  return text?.slice(0, maximumCharacters).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
