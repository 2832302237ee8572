/**
 * Decides about one admission request: leave the pod alone, refuse it, or inject it. Needs no store, so it works while sealed.
 * It must never allow a pod that asked for injection without injecting it, except with a warning.
 * @module
 */
import { kubernetesGroup } from '@letterlock/protocol';
import { allow, deny, type AdmissionRequest, type AdmissionResponse } from './admission-request.ts';
import { readAnnotations, type PodRequest } from './annotations.ts';
import { inject } from './inject.ts';
import { injectionRules, namespaceOf } from './injection-rules.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { jsonPatch } from './json-patch.ts';
import { readPod, type Pod } from './pod.ts';

export interface InjectionWorld {
  readonly settings: InjectionSettings;
  /** The namespace's label asks for its pods: the request came by the entry for labelled namespaces. */
  readonly isNamespaceAsking: boolean;
  /** Whether the installation exists; a sealed one does. */
  readonly isInitialised: boolean;
}

/** Always with its reason, for log and metrics. */
export type InjectionDecision =
  | {
      readonly do: 'inject';
      readonly reason: 'asked';
      readonly namespace: string;
      readonly pod: Pod;
      readonly request: PodRequest;
    }
  | { readonly do: 'leave'; readonly reason: string; readonly warning?: string }
  | { readonly do: 'deny'; readonly reason: string; readonly message: string };

const podKind = '/v1/Pod';

export function decideInjection(review: AdmissionRequest, world: InjectionWorld): InjectionDecision {
  if (review.kind !== podKind) return { do: 'leave', reason: 'not_a_pod' };
  if (review.operation !== 'CREATE' || review.subResource !== '') return { do: 'leave', reason: 'not_a_creation' };
  const pod = readPod(review.object);
  if (pod === undefined) return { do: 'deny', reason: 'pod_unreadable', message: 'the object is not a pod' };
  const annotations = readAnnotations(pod);
  const { asking } = annotations;
  const isAsking = asking === 'yes' || (asking === 'nothing' && world.isNamespaceAsking);
  const subject = { ...world, review, pod, annotations, isAsking };
  for (const rule of injectionRules) {
    const verdict = rule(subject);
    if (verdict !== undefined) return verdict;
  }
  if ('fault' in annotations) throw new TypeError('Cannot inject: the rules passed over a wrong annotation');
  return { do: 'inject', reason: 'asked', namespace: namespaceOf(review, pod), pod, request: annotations.request };
}

/** The whole answer to a review, and the reason for log and metrics. A dry run is answered alike: nothing here has an effect. */
export function answerReview(
  review: AdmissionRequest,
  world: InjectionWorld,
): { readonly response: AdmissionResponse; readonly decision: InjectionDecision } {
  const decision = decideInjection(review, world);
  const { uid } = review;
  if (decision.do === 'deny') {
    const message = `${kubernetesGroup}: ${decision.reason}: ${decision.message}`;
    return { decision, response: deny(uid, decision.reason, message) };
  }
  if (decision.do === 'leave') {
    return { decision, response: allow(uid, [], decision.warning === undefined ? [] : [decision.warning]) };
  }
  const injected = inject(decision.pod, decision.request, world.settings);
  return { decision, response: allow(uid, jsonPatch(review.object ?? null, injected)) };
}
