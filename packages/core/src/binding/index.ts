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
  type BindingDecision,
  type Condition,
  type ObservedBinding,
  type ObservedSecret,
} from './decide-binding.ts';
