/**
 * Where the files of this story that need the service have it, and what they bind.
 * It must never be a namespace of another story.
 * @module
 */

export const serviceNamespace = 'letterlock-bindings-system';
export const shop = 'letterlock-bindings-shop';
export const ci = 'letterlock-bindings-ci';
/** Who writes. */
export const pipeline = { namespace: ci, name: 'deployer' } as const;
