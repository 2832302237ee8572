/**
 * What a failed call to etcd means to the service: one row for each kind of failure.
 * It must never say that something did not happen: without an answer, only reading the store can tell.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';

interface Failure {
  /** Matches `class: message` of the library's error. */
  readonly when: RegExp;
  readonly reason: string;
  /** Whether another member may do better. */
  readonly isMembers: boolean;
}

/** The first row that matches counts. Class names are etcd3's, one for each status of gRPC; messages are etcd's own. */
const failures: readonly Failure[] = [
  { when: /database space exceeded/, reason: 'store_full', isMembers: false },
  { when: /message larger than max/i, reason: 'store_answer_too_large', isMembers: false },
  { when: /request is too large/, reason: 'store_request_too_large', isMembers: false },
  { when: /too many requests/, reason: 'store_overloaded', isMembers: false },
  { when: /required revision has been compacted/, reason: 'store_compacted', isMembers: false },
  { when: /^GRPCDeadlineExceeded/, reason: 'store_timeout', isMembers: true },
  { when: /request timed out|no leader|leader changed/, reason: 'store_timeout', isMembers: true },
  { when: /^GRPCUnavailable/, reason: 'store_unreachable', isMembers: true },
  {
    when: /^(?:GRPCUnauthenticated|EtcdPermissionDenied|EtcdInvalidAuthToken|EtcdAuthenticationFailed)/,
    reason: 'store_denied',
    isMembers: false,
  },
];
/** Unknown kinds: the member may be the cause. */
const otherFailure = { reason: 'store_failed', isMembers: true } as const;

/** A failed call, as the store port tells it. */
export interface StoreFailure {
  readonly problem: ProblemError;
  /** Whether the next call should go to another member. */
  readonly isMembers: boolean;
}

/** Names a failure of the library. */
export function failureOf(error: unknown): StoreFailure {
  const { constructor, message } = Object(error) as {
    readonly constructor?: { name?: string };
    readonly message?: unknown;
  };
  const text = `${constructor?.name ?? ''}: ${typeof message === 'string' ? message : ''}`;
  const { reason, isMembers } = failures.find(({ when }) => when.test(text)) ?? otherFailure;
  return { problem: new ProblemError('unavailable', { reason, cause: error }), isMembers };
}
