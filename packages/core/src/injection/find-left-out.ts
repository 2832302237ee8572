/**
 * Whether a pod that is there should have an agent and has none: the webhook did not see it when it was made.
 * It must never judge by other rules than the injector's own.
 * @module
 */
import { agentContainerName } from '@letterlock/protocol';
import { readAnnotations } from './annotations.ts';
import { decideInjection, type InjectionWorld } from './decide-injection.ts';
import { readPod } from './pod.ts';

/** @param value - a pod as the API server has it. @returns whether it asks, would have been injected or refused, and has no agent */
export function isLeftOut(
  value: unknown,
  { settings, isNamespaceAsking }: Pick<InjectionWorld, 'settings' | 'isNamespaceAsking'>,
): boolean {
  const pod = readPod(value);
  if (pod === undefined) return false;
  if (pod.spec.initContainers?.some(({ name }) => name === agentContainerName) === true) return false;
  const { asking } = readAnnotations(pod);
  if (asking !== 'yes' && !(asking === 'nothing' && isNamespaceAsking)) return false;
  const review = {
    uid: 'left-out',
    kind: '/v1/Pod',
    subResource: '',
    operation: 'CREATE',
    namespace: pod.metadata?.namespace ?? '',
    isDryRun: true,
    object: pod as never,
  };
  return decideInjection(review, { settings, isNamespaceAsking, isInitialised: true }).do !== 'leave';
}
