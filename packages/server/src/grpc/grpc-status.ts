/**
 * Problems as gRPC statuses: the code of the table, with `google.rpc.ErrorInfo` in the trailer.
 * It must never say more than a problem document would.
 * @module
 */
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import {
  decodeStatusDetails,
  encodeStatusDetails,
  isProblemError,
  problems,
  ProblemError,
  type ProblemCode,
} from '@letterlock/protocol';
import { bufferOf } from './document-codec.ts';

/** By HTTP status of the problem table. @source https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto */
const statusOfHttp: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  405: status.UNIMPLEMENTED,
  409: status.FAILED_PRECONDITION,
  410: status.FAILED_PRECONDITION,
  413: status.RESOURCE_EXHAUSTED,
  415: status.INVALID_ARGUMENT,
  429: status.RESOURCE_EXHAUSTED,
  431: status.RESOURCE_EXHAUSTED,
  500: status.INTERNAL,
  503: status.UNAVAILABLE,
};
const detailsKey = 'grpc-status-details-bin';
/** A trailer is a header: proofs and receipts in it are short of this. */
const memberCharacters = 4096;

/** The code that the table gives to whatever was thrown. */
export function problemOf(error: unknown): ProblemError {
  return isProblemError(error) ? error : new ProblemError('internal', { cause: error });
}

/** What a call ends with; members and detail of the problem document stand in ErrorInfo. */
export function statusOf({ code, detail, members, retryAfterSeconds }: ProblemError): StatusObject {
  const grpcCode = statusOfHttp[problems[code].status] ?? status.UNKNOWN;
  const all = { ...members, detail, retry_after: retryAfterSeconds };
  const texts = Object.entries(all).flatMap(([name, value]) => {
    const text = value === undefined ? undefined : String(value);
    return text === undefined || text.length > memberCharacters ? [] : [[name, text] as const];
  });
  const details = { code: grpcCode, message: problems[code].title, reason: code, metadata: Object.fromEntries(texts) };
  const metadata = new Metadata();
  metadata.set(detailsKey, bufferOf(encodeStatusDetails(details)));
  return { code: grpcCode, details: problems[code].title, metadata };
}

/** The problem that a peer's status names; `unavailable` for one without. */
export function problemOfStatus(error: { readonly code?: number; readonly metadata?: Metadata }): ProblemError {
  const [details] = error.metadata?.get(detailsKey) ?? [];
  const reason = Buffer.isBuffer(details) ? decodeStatusDetails(details)?.reason : undefined;
  return reason !== undefined && Object.hasOwn(problems, reason)
    ? new ProblemError(reason as ProblemCode, { reason: 'peer_refused' })
    : new ProblemError('unavailable', { reason: 'peer_no_answer', cause: error });
}
