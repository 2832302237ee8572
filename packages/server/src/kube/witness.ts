/**
 * Asks the API server who a token belongs to, and how a pod is right now.
 * It must never judge an answer, nor take one that is about something else: core judges.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import { hasStatus } from './api-error.ts';
import { pathOf, type ApiClient } from './api-client.ts';
import { isRecord, readObject } from './kubernetes-object.ts';

const reviewPath = '/apis/authentication.k8s.io/v1/tokenreviews';

export interface Witness {
  /** `status` of the TokenReview, as JSON. @throws 'unavailable' */
  reviewToken(o: { readonly token: string; readonly audience: string }): Promise<unknown>;
  /** The pod by a live GET, as JSON; undefined for 404. @throws 'unavailable' */
  readPod(namespace: string, name: string): Promise<unknown>;
}

export function createWitness(api: ApiClient): Witness {
  return {
    async reviewToken({ token, audience }) {
      const body = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: [audience] },
      };
      const answer = await api.ask({ method: 'POST', path: reviewPath, body }).catch(refuse);
      if (!isRecord(answer) || !isRecord(answer['status'])) throw unavailable('kubernetes_answer');
      return answer['status'];
    },
    async readPod(namespace, name) {
      const path = pathOf({ apiVersion: 'v1', resource: 'pods', namespace, name });
      const answer = await api.ask({ method: 'GET', path }).catch((error: unknown) => {
        if (hasStatus(error, 404)) return undefined;
        return refuse(error);
      });
      if (answer === undefined) return undefined;
      const pod = readObject(answer);
      if (pod?.metadata.name !== name || pod.metadata.namespace !== namespace) throw unavailable('kubernetes_answer');
      return pod;
    },
  };
}

function refuse(cause: unknown): never {
  throw unavailable('kubernetes_api', cause);
}

function unavailable(reason: string, cause?: unknown): ProblemError {
  return new ProblemError('unavailable', { reason, cause });
}
