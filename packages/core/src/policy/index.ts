/**
 * "May they?": actions, grants, decisions and their explanations.
 * @module
 */
export * from './decide.ts';
export * from './explain.ts';
export * from './live-binding.ts';
export type * from './permitted.ts';
export type { World } from './rules.ts';
export { isStoring } from './storing-actions.ts';
