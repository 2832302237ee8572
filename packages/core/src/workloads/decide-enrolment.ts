/**
 * Whether the pod that a genuine token names may enrol its agent (kubernetes.md §3.3, protocol.md §8.2): one rule a violation.
 * It must never take anything from the request but the address of its connection.
 * @module
 */
import { checkInjected, type InjectionViolation, type WrittenForms } from '../injection/index.ts';
import type { TokenFacts } from '../proof/token-review.ts';
import type { AgentStart, LivePod } from './live-pod.ts';

/** What the decision is made from. */
export interface EnrolmentFacts {
  readonly token: TokenFacts;
  /** The pod that stands under the token's names now. */
  readonly pod: LivePod | undefined;
  readonly forms: WrittenForms;
  /** Of the connection; undefined where it is not compared, as behind a mesh. */
  readonly sourceAddress: string | undefined;
}

/** Reasons of the log. */
export type EnrolmentViolation =
  | 'pod_gone'
  | 'pod_replaced'
  | 'pod_terminating'
  | 'pod_ended'
  | 'pod_service_account'
  | 'agent_not_running'
  | 'pod_address_unknown'
  | 'source_address'
  | InjectionViolation;

export type EnrolmentDecision =
  | { readonly isAdmitted: true; readonly pod: LivePod; readonly agent: AgentStart }
  /** `isPassing`: the kubelet may not have reported yet, so that the same request may be right in a moment. */
  | { readonly isAdmitted: false; readonly reason: EnrolmentViolation; readonly isPassing: boolean };

/** The pod is there from the second rule on. */
type Rule = (facts: EnrolmentFacts & { readonly pod: LivePod; readonly agent: AgentStart | undefined }) => boolean;

/** Every violation, the first one wins. The agent's own form is judged after these. */
const rules: readonly (readonly [EnrolmentViolation, Rule])[] = [
  ['pod_gone', ({ pod }) => pod === undefined],
  ['pod_replaced', ({ pod, token }) => pod.uid !== token.podUid],
  ['pod_terminating', ({ pod }) => pod.isTerminating],
  ['pod_ended', ({ pod }) => pod.hasEnded],
  [
    'pod_service_account',
    ({ pod, token }) => pod.namespace !== token.namespace || pod.serviceAccount !== token.serviceAccount,
  ],
  ['agent_not_running', ({ agent }) => agent?.isRunning !== true],
  ['pod_address_unknown', ({ pod, sourceAddress }) => sourceAddress !== undefined && pod.addresses.length === 0],
  [
    'source_address',
    ({ pod, sourceAddress }) => sourceAddress !== undefined && !pod.addresses.includes(plainAddress(sourceAddress)),
  ],
];
const passing: ReadonlySet<EnrolmentViolation> = new Set<EnrolmentViolation>([
  'agent_not_running',
  'pod_address_unknown',
]);

export function decideEnrolment(given: EnrolmentFacts): EnrolmentDecision {
  const facts = { ...given, agent: given.pod?.agent } as Parameters<Rule>[0];
  const violated = rules.find(([, isViolated]) => isViolated(facts));
  if (violated !== undefined) return { isAdmitted: false, reason: violated[0], isPassing: passing.has(violated[0]) };
  const { pod, forms } = facts;
  const agent = facts.agent!;
  const check = checkInjected(pod.pod, { imageId: agent.imageId }, forms);
  return check.isInjected
    ? { isAdmitted: true, pod, agent }
    : { isAdmitted: false, reason: check.reason, isPassing: false };
}

/** An IPv4 address as a socket for both families has it, without its prefix. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
