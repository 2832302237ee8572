/**
 * Names that appear in documents: secret paths, workload identities, request targets.
 * It must never normalise: a name is right as it is written or it is refused.
 * @module
 */
import { limits } from './limits.ts';
import { matching, type Reader } from './shape.ts';

const pathPattern = /^[a-z0-9._-]+(?:\/[a-z0-9._-]+){0,15}$/;
const spiffePattern =
  /^spiffe:\/\/([a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?)\/ns\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\/sa\/([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)$/;
const trustDomainPattern = /^[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?$/;

/** Whether a secret path is well formed: 1 to 16 segments of `[a-z0-9._-]`, none of them `.` or `..`, at most 256 bytes. */
export function isSecretPath(path: string): boolean {
  return (
    path.length <= limits.secretPathBytes &&
    pathPattern.test(path) &&
    !path.split('/').some((segment) => segment === '.' || segment === '..')
  );
}

/** Whether `path` is `ancestor` or below it, by whole segments. */
export function isAtOrBelow(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(`${ancestor}/`);
}

/** Root of the paths whose rights come from SecretBindings; grants count for nothing at and below it. */
export const bindingRoot = 'k8s';

/** A path of a binding, or of a secret of it. */
export interface BindingPath {
  readonly namespace: string;
  readonly binding: string;
  readonly secret: string | undefined;
}

/** Whether a path is reserved for bindings. */
export function isReservedPath(path: string): boolean {
  return isAtOrBelow(path, bindingRoot);
}

/** `k8s/<namespace>/<binding>` or `k8s/<namespace>/<binding>/<secret>`; undefined for any other path. */
export function readBindingPath(path: string): BindingPath | undefined {
  const [root, namespace, binding, secret, ...more] = path.split('/');
  if (root !== bindingRoot || namespace === undefined || binding === undefined || more.length > 0) return undefined;
  return { namespace, binding, secret };
}

/** @returns `k8s/<namespace>/<binding>/<secret>` */
export function bindingPathOf(namespace: string, binding: string, secret: string): string {
  return [bindingRoot, namespace, binding, secret].join('/');
}

const pathForm = matching(pathPattern, 'a path of 1 to 16 segments of a-z 0-9 . _ -');
export const secretPath: Reader<string> = (value, at) => {
  const path = pathForm(value, at);
  return isSecretPath(path) ? path : pathForm('', at);
};

/** One entry of a listing: a segment, which ends with a slash where it has children. */
export const listedName: Reader<string> = matching(
  /^(?!\.{1,2}\/?$)[a-z0-9._-]{1,256}\/?$/,
  'a segment, with a slash behind it if it has children',
);

export const trustDomain: Reader<string> = matching(trustDomainPattern, 'a trust domain');
/** `spiffe://<td>/ns/<ns>/sa/<sa>` */
export const workloadSelector: Reader<string> = matching(spiffePattern, 'spiffe://<td>/ns/<ns>/sa/<sa>');
/** `k:<identity id>` or a workload selector. */
export const recipient: Reader<string> = (value, at) =>
  typeof value === 'string' && value.startsWith('k:')
    ? matching(/^k:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, 'k: and an identity id')(value, at)
    : workloadSelector(value, at);
/** An identity id or a workload selector, as grants name them. */
export const grantee: Reader<string> = (value, at) =>
  typeof value === 'string' && value.startsWith('spiffe:')
    ? workloadSelector(value, at)
    : matching(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, 'an identity id or spiffe://<td>/ns/<ns>/sa/<sa>')(value, at);

const requestPathPattern = /^\/v1\/[A-Za-z0-9._/-]+$/;
/** Whether an HTTP request path is acceptable: no query, no escapes, no empty, `.` or `..` segment, at most 512 bytes. */
export function isRequestPath(path: string): boolean {
  return (
    path.length <= limits.pathBytes &&
    requestPathPattern.test(path) &&
    !path
      .slice(1)
      .split('/')
      .some((segment) => segment === '' || segment === '.' || segment === '..')
  );
}
