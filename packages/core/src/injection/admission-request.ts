/**
 * Reads an AdmissionReview and writes the answer to it (admission.k8s.io/v1).
 * It must never answer what it cannot read: without a uid there is no question.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import type { PatchOperation } from './json-patch.ts';
import type { Json } from './pod.ts';
import { isJsonObject, memberOf } from './same-json.ts';

export interface AdmissionRequest {
  readonly uid: string;
  /** `group/version/Kind`, the group empty for core: `/v1/Pod`. */
  readonly kind: string;
  readonly subResource: string;
  readonly operation: string;
  readonly namespace: string;
  readonly isDryRun: boolean;
  /** Absent for DELETE. */
  readonly object: Json | undefined;
}

export interface AdmissionResponse {
  readonly apiVersion: 'admission.k8s.io/v1';
  readonly kind: 'AdmissionReview';
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patchType?: 'JSONPatch';
    /** Base64. */
    readonly patch?: string;
    readonly warnings?: readonly string[];
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  };
}

const apiVersion = 'admission.k8s.io/v1';
/** What the API server keeps of a warning, characters. */
const warningCharacters = 256;

/** @param body - parsed JSON. @throws 'bad_request' with reason admission_review */
export function readAdmissionReview(body: unknown): AdmissionRequest {
  const review = body as Json;
  if (!isJsonObject(review)) throw notReadable('not an object');
  if (memberOf(review, 'apiVersion') !== apiVersion || memberOf(review, 'kind') !== 'AdmissionReview') {
    throw notReadable(`not an AdmissionReview of ${apiVersion}`);
  }
  const request = memberOf(review, 'request');
  if (!isJsonObject(request)) throw notReadable('without a request');
  const uid = textOf(request, 'uid');
  const kind = memberOf(request, 'kind');
  const operation = textOf(request, 'operation');
  if (uid === '' || operation === '' || !isJsonObject(kind)) throw notReadable('without uid, kind or operation');
  const object = memberOf(request, 'object');
  return {
    uid,
    kind: `${textOf(kind, 'group')}/${textOf(kind, 'version')}/${textOf(kind, 'kind')}`,
    subResource: textOf(request, 'subResource'),
    operation,
    namespace: textOf(request, 'namespace'),
    isDryRun: memberOf(request, 'dryRun') === true,
    object: object ?? undefined,
  };
}

/** Allows with a patch, which may be empty. */
export function allow(
  uid: string,
  patch: readonly PatchOperation[],
  warnings: readonly string[] = [],
): AdmissionResponse {
  return answer({
    uid,
    allowed: true,
    ...(patch.length === 0
      ? {}
      : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
    ...(warnings.length === 0 ? {} : { warnings: warnings.map((text) => text.slice(0, warningCharacters)) }),
  });
}

/** Refuses; the message is what kubectl shows. */
export function deny(uid: string, reason: string, message: string): AdmissionResponse {
  return answer({ uid, allowed: false, status: { code: 403, reason, message } });
}

function answer(response: AdmissionResponse['response']): AdmissionResponse {
  return { apiVersion, kind: 'AdmissionReview', response };
}

function textOf(object: { readonly [name: string]: Json | undefined }, name: string): string {
  const value = memberOf(object, name);
  return typeof value === 'string' ? value : '';
}

function notReadable(what: string): ProblemError {
  return new ProblemError('bad_request', { reason: 'admission_review', detail: `AdmissionReview: ${what}` });
}
