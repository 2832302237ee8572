import { expect, test } from '@jest/globals';
import * as etcd3 from 'etcd3';
import { failureOf } from './etcd-errors.ts';

/** As the library makes them: the class from the status, the message with its number and name in front. */
function libraryError(code: number, message: string): Error {
  return etcd3.castGrpcError(Object.assign(new Error(message), { code }));
}

test.each([
  {
    code: 8,
    message: '8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded',
    reason: 'store_full',
    isMembers: false,
  },
  {
    code: 8,
    message: '8 RESOURCE_EXHAUSTED: Received message larger than max (17000000 vs 16777216)',
    reason: 'store_answer_too_large',
    isMembers: false,
  },
  {
    code: 8,
    message: '8 RESOURCE_EXHAUSTED: etcdserver: too many requests',
    reason: 'store_overloaded',
    isMembers: false,
  },
  {
    code: 3,
    message: '3 INVALID_ARGUMENT: etcdserver: request is too large',
    reason: 'store_request_too_large',
    isMembers: false,
  },
  {
    code: 11,
    message: '11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted',
    reason: 'store_compacted',
    isMembers: false,
  },
  { code: 4, message: '4 DEADLINE_EXCEEDED: Deadline exceeded after 2.0s', reason: 'store_timeout', isMembers: true },
  { code: 14, message: '14 UNAVAILABLE: etcdserver: request timed out', reason: 'store_timeout', isMembers: true },
  { code: 14, message: '14 UNAVAILABLE: etcdserver: leader changed', reason: 'store_timeout', isMembers: true },
  { code: 14, message: '14 UNAVAILABLE: etcdserver: no leader', reason: 'store_timeout', isMembers: true },
  {
    code: 14,
    message: '14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED',
    reason: 'store_unreachable',
    isMembers: true,
  },
  { code: 7, message: '7 PERMISSION_DENIED: etcdserver: permission denied', reason: 'store_denied', isMembers: false },
  { code: 16, message: '16 UNAUTHENTICATED: etcdserver: invalid auth token', reason: 'store_denied', isMembers: false },
  { code: 13, message: '13 INTERNAL: Received RST_STREAM with code 2', reason: 'store_failed', isMembers: true },
  { code: 2, message: '2 UNKNOWN: whatever', reason: 'store_failed', isMembers: true },
])('$message is $reason', ({ code, message, reason, isMembers }) => {
  const failure = failureOf(libraryError(code, message));
  expect(failure.problem).toMatchObject({ code: 'unavailable', reason });
  expect(failure.isMembers).toBe(isMembers);
  // The library's words are for the log.
  expect(failure.problem.detail).toBeUndefined();
});

test.each([undefined, null, 'text', {}])('takes %p for a failure of an unknown kind', (error) => {
  expect(failureOf(error).problem).toMatchObject({ code: 'unavailable', reason: 'store_failed' });
});
