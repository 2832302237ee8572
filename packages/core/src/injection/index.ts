/**
 * Injection: from a pod and its annotations to the same pod with the agent, and back to the question whether it still is.
 * @module
 */
export {
  allow,
  deny,
  readAdmissionReview,
  type AdmissionRequest,
  type AdmissionResponse,
} from './admission-request.ts';
export { injectedStatus, statusAnnotation, type PodRequest } from './annotations.ts';
export {
  checkInjected,
  type AgentStatus,
  type InjectionCheck,
  type InjectionViolation,
  type WrittenForms,
} from './check-injected.ts';
export { answerReview, decideInjection, type InjectionDecision, type InjectionWorld } from './decide-injection.ts';
export { formsOf } from './former-settings.ts';
export { isLeftOut } from './find-left-out.ts';
export { inject } from './inject.ts';
export { defaultInjectionSettings, type InjectionSettings } from './injection-settings.ts';
export { jsonPatch, type PatchOperation } from './json-patch.ts';
export { readPod, type Pod } from './pod.ts';
