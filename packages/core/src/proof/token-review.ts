/**
 * What a TokenReview says of a ServiceAccount token (protocol.md §7): the reading of the API server's answer, and the port that asks.
 * It must never take "authenticated" for "meant for us": a token for another audience is authenticated too.
 * @module
 */

/** Asks the API server about a token. It answers; whether the answer is enough is judged here, never by an adapter. */
export interface TokenReviewer {
  /** `status` of the TokenReview of this token for this one audience, as JSON. @throws 'unavailable' */
  reviewToken(o: { readonly token: string; readonly audience: string }): Promise<unknown>;
}

/** Who holds a genuine token, in the API server's words. */
export interface TokenFacts {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
  /** Absent where the cluster does not put it into tokens. */
  readonly nodeUid?: string;
}

/** Reasons of the log. */
export type TokenViolation =
  | 'token_review_form'
  | 'token_not_authenticated'
  | 'token_audience_not_confirmed'
  | 'token_audience_mismatch'
  | 'token_not_service_account'
  | 'token_not_of_a_pod'
  | 'token_pod_ambiguous'
  | 'token_node_ambiguous';

export type TokenVerdict =
  | { readonly isGenuine: true; readonly facts: TokenFacts }
  | { readonly isGenuine: false; readonly reason: TokenViolation };

const extraPrefix = 'authentication.kubernetes.io/';
const username =
  /^system:serviceaccount:([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?):([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)$/;
const uid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const objectName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Judges the status of a TokenReview. @param audience - the one that was asked for @source protocol.md §7, §8.2 */
export function readTokenReview(status: unknown, audience: string): TokenVerdict {
  if (!isObject(status)) return refuse('token_review_form');
  if (status['authenticated'] !== true) return refuse('token_not_authenticated');
  // An API server whose authenticator knows no audiences leaves them out: then nothing says that the token is for us.
  const audiences = status['audiences'];
  if (!Array.isArray(audiences) || audiences.length === 0) return refuse('token_audience_not_confirmed');
  if (!audiences.includes(audience)) return refuse('token_audience_mismatch');
  const user = isObject(status['user']) ? status['user'] : {};
  const [, namespace, serviceAccount] =
    typeof user['username'] === 'string' ? (username.exec(user['username']) ?? []) : [];
  if (namespace === undefined || serviceAccount === undefined) return refuse('token_not_service_account');
  const extra = isObject(user['extra']) ? user['extra'] : {};
  const [podUids, podNames, nodeUids] = ['pod-uid', 'pod-name', 'node-uid'].map((name) => extra[extraPrefix + name]);
  if (podUids === undefined || podNames === undefined) return refuse('token_not_of_a_pod');
  const podUid = onlyValue(podUids, uid);
  const podName = onlyValue(podNames, objectName);
  if (podUid === undefined || podName === undefined) return refuse('token_pod_ambiguous');
  const nodeUid = nodeUids === undefined ? undefined : onlyValue(nodeUids, uid);
  if (nodeUids !== undefined && nodeUid === undefined) return refuse('token_node_ambiguous');
  const facts = { namespace, serviceAccount, podName, podUid };
  return { isGenuine: true, facts: nodeUid === undefined ? facts : { ...facts, nodeUid } };
}

function onlyValue(values: unknown, form: RegExp): string | undefined {
  if (!Array.isArray(values) || values.length !== 1) return undefined;
  const [value] = values as readonly unknown[];
  return typeof value === 'string' && form.test(value) ? value : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(reason: TokenViolation): TokenVerdict {
  return { isGenuine: false, reason };
}
