/**
 * An API server that knows the pods of the service itself, signs tokens for them and reviews these.
 * It must never be used outside tests.
 * @module
 */
import {
  FakeBootWitness,
  refusedStatus,
  reviewStatus,
  serverNamespace,
  type ServerPodObject,
} from '@letterlock/core/testing';
import { FakeApi } from '../kube/testing/fake-api.ts';

export interface ServerPodsApi {
  readonly api: FakeApi;
  /** What it has signed. */
  readonly witness: FakeBootWitness;
  /** Shows a pod from now on as it is given. */
  readonly put: (pod: ServerPodObject) => void;
}

interface TokenRequest {
  readonly spec: {
    readonly audiences: readonly [string];
    readonly boundObjectRef: { readonly name: string; readonly uid: string };
  };
}
interface TokenReview {
  readonly spec: { readonly token: string; readonly audiences: readonly [string] };
}

export function serverPodsApi(...pods: readonly ServerPodObject[]): ServerPodsApi {
  const api = new FakeApi();
  const witness = new FakeBootWitness();
  const inside = `/api/v1/namespaces/${serverNamespace}`;
  const serviceAccount = 'letterlock-server';
  const put = (pod: ServerPodObject): void => {
    api.answers.set(`${inside}/pods/${pod.metadata.name}`, () => ({
      ...pod,
      metadata: { ...pod.metadata, resourceVersion: '1' },
    }));
  };
  for (const pod of pods) put(pod);
  api.answers.set(`${inside}/serviceaccounts/${serviceAccount}/token`, (body) => {
    const { audiences, boundObjectRef } = (body as TokenRequest).spec;
    const { name, uid } = boundObjectRef;
    const token = witness.issue({ namespace: serverNamespace, serviceAccount, name, uid }, audiences[0]);
    return { status: { token } };
  });
  api.answers.set('/apis/authentication.k8s.io/v1/tokenreviews', (body) => {
    const { token, audiences } = (body as TokenReview).spec;
    const known = witness.tokens.get(token);
    const isKnown = known !== undefined && known.audience === audiences[0];
    return { status: isKnown ? reviewStatus(known.facts, known.audience) : refusedStatus };
  });
  return { api, witness, put };
}
