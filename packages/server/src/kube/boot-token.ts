/**
 * Asks for a token of this pod's own ServiceAccount, bound to this pod, for one audience: boot attestation (protocol.md §10.1).
 * It must never ask for a token of anything else.
 * @module
 */
import type { BootWitness, OwnPod } from '@letterlock/core';
import { ProblemError } from '@letterlock/protocol';
import { pathOf, type ApiClient } from './api-client.ts';
import { isRecord } from './kubernetes-object.ts';
import { createWitness } from './witness.ts';

const tokenSeconds = 3600;
const tokenCharacters = 8192;

/** The API server as a witness of boot keys: what createWitness shows, and tokens of the own pod. */
export function createBootWitness(api: ApiClient): BootWitness {
  return { ...createWitness(api), requestBootToken: (pod, audience) => requestBootToken(api, pod, audience) };
}

/** @throws 'unavailable' */
export async function requestBootToken(api: ApiClient, pod: OwnPod, audience: string): Promise<string> {
  const path = pathOf({
    apiVersion: 'v1',
    resource: 'serviceaccounts',
    namespace: pod.namespace,
    name: pod.serviceAccount,
    subresource: 'token',
  });
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: [audience],
      expirationSeconds: tokenSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
    },
  };
  const answer = await api.ask({ method: 'POST', path, body }).catch((cause: unknown) => {
    throw new ProblemError('unavailable', { reason: 'kubernetes_api', cause });
  });
  const status = isRecord(answer) ? answer['status'] : undefined;
  const token = isRecord(status) ? status['token'] : undefined;
  if (typeof token !== 'string' || token === '' || token.length > tokenCharacters) {
    throw new ProblemError('unavailable', { reason: 'kubernetes_answer' });
  }
  return token;
}
