/**
 * Problems as gRPC statuses: the code of the table, with `google.rpc.ErrorInfo` in the trailer.
 * It must never say more than a problem document would.
 * @module
 */
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { isProblemError, problems, ProblemError, type ProblemCode } from '@letterlock/protocol';

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
const domain = 'letterlock';
const errorInfoType = 'type.googleapis.com/google.rpc.ErrorInfo';
const detailsKey = 'grpc-status-details-bin';

/** The code that the table gives to whatever was thrown. */
export function problemOf(error: unknown): ProblemError {
  return isProblemError(error) ? error : new ProblemError('internal', { cause: error });
}

/** What a call ends with. */
export function statusOf(problem: ProblemError): StatusObject {
  const { code } = problem;
  const grpcCode = statusOfHttp[problems[code].status] ?? status.UNKNOWN;
  const metadata = new Metadata();
  metadata.set(detailsKey, encodeStatus(grpcCode, problems[code].title, code));
  return { code: grpcCode, details: problems[code].title, metadata };
}

/** The problem that a peer's status names; `unavailable` for one without. */
export function problemOfStatus(error: { readonly code?: number; readonly metadata?: Metadata }): ProblemError {
  const [details] = error.metadata?.get(detailsKey) ?? [];
  const text = Buffer.isBuffer(details) ? details.toString('latin1') : '';
  const named = (Object.keys(problems) as ProblemCode[]).find((code) => text.includes(reasonField(code)));
  return named === undefined
    ? new ProblemError('unavailable', { reason: 'peer_no_answer', cause: error })
    : new ProblemError(named, { reason: 'peer_refused' });
}

function reasonField(code: string): string {
  return field(1, Buffer.from(code, 'latin1')).toString('latin1') + field(2, Buffer.from(domain)).toString('latin1');
}

/** google.rpc.Status { code = 1, message = 2, details = 3: Any { type_url = 1, value = 2: ErrorInfo { reason = 1, domain = 2 } } } */
function encodeStatus(code: status, message: string, reason: string): Buffer {
  const errorInfo = Buffer.from(reasonField(reason), 'latin1');
  const any = Buffer.concat([field(1, Buffer.from(errorInfoType)), field(2, errorInfo)]);
  return Buffer.concat([Uint8Array.of(0x08, code), field(2, Buffer.from(message)), field(3, any)]);
}

/** A length-delimited field; nothing here is longer than 16 KiB. */
function field(number: number, value: Uint8Array): Buffer {
  const { length } = value;
  const head = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Uint8Array.of((number << 3) | 2, ...head), value]);
}
