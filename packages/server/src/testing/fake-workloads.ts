/**
 * What a server in Kubernetes is given by its surroundings, without any: one injected pod at this machine's address, and its token.
 * It must never be used outside tests.
 * @module
 */
import {
  agentImageDigest,
  FakeBindings,
  FakeWitness,
  injectionSettings,
  liveBinding,
  podOf,
  reviewedPod,
} from '@letterlock/core/testing';
import type { KubernetesPorts } from '../kubernetes-ports.ts';

const loopback = '127.0.0.1';

export interface FakeWorkloads {
  readonly witness: FakeWitness;
  readonly bindings: FakeBindings;
  /** The pod's token for enrolments. */
  readonly token: string;
  readonly trustDomain: string;
  /** Settings that the server needs to know the pod. */
  readonly flags: { readonly 'trust-domain': string };
  readonly ports: KubernetesPorts;
}

export function fakeWorkloads(change: Partial<KubernetesPorts> = {}): FakeWorkloads {
  const { trustDomain } = injectionSettings;
  const witness = new FakeWitness();
  const bindings = new FakeBindings(liveBinding());
  const token = 'the enrolment token';
  witness.tokens.set(token, { facts: reviewedPod, audience: `letterlock-enrol:${trustDomain}` });
  witness.pods.set(`${reviewedPod.namespace}/${reviewedPod.podName}`, podOf({ status: { podIP: loopback } }));
  return {
    witness,
    bindings,
    token,
    trustDomain,
    flags: { 'trust-domain': trustDomain },
    ports: {
      witness,
      bindings,
      forms: () => ({ settings: [injectionSettings], imageDigests: [agentImageDigest] }),
      checkSourceAddress: true,
      serviceHosts: ['letterlock.letterlock-system.svc'],
      ...change,
    },
  };
}
