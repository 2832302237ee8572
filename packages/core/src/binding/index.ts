/**
 * SecretBindings: what they say, and what becomes of them.
 * @module
 */
export {
  isSelected,
  readBinding,
  type Binding,
  type BindingFault,
  type BoundSecret,
  type LabelSelector,
} from './binding.ts';
export {
  decideBinding,
  decideFaultyBinding,
  findWaiting,
  type BindingDecision,
  type Condition,
  type ObservedBinding,
  type ObservedRecipient,
  type ObservedSecret,
  type Waiting,
} from './decide-binding.ts';
export {
  decideRecipient,
  type ObservedDelivery,
  type ObservedRecords,
  type RecipientDecision,
  type RecipientPhase,
  type RecipientStatus,
  type SelectingBinding,
} from './decide-recipient.ts';
export { readObservedPod, type ObservedPod } from './observed-pod.ts';
