/**
 * What can go wrong when the API server is asked.
 * It must never hold a request, an answer or a header: the status and the machine-readable reason are all that is kept.
 * @module
 */

/** Shape: `status` of HTTP, 0 without an answer; `reason` as the API server gives it, such as NotFound, or our own. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string) {
    super(status === 0 ? `No answer from the API server: ${reason}` : `The API server answered ${status} ${reason}`);
    this.status = status;
    this.reason = reason;
  }
}

/** Whether an error says this status, also across module realms. */
export function hasStatus(error: unknown, status: number): boolean {
  return typeof error === 'object' && error !== null && 'status' in error && error.status === status;
}

const reasonPattern = /^[A-Za-z]{1,64}$/;

/** The reason of a Status object; anything else is no reason that may be repeated. */
export function reasonOf(body: unknown, fallback: string): string {
  const reason = typeof body === 'object' && body !== null && 'reason' in body ? body.reason : undefined;
  return typeof reason === 'string' && reasonPattern.test(reason) ? reason : fallback;
}
