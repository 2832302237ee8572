/**
 * What this story has: two namespaces for the service, one after the other, and the namespaces of an application and its writer.
 * It must never hold what another story needs.
 * @module
 */
import { bindingObject } from '../run/workloads.ts';

export const service = 'letterlock-lifecycle';
export const second = 'letterlock-lifecycle-second';
export const shop = 'letterlock-lifecycle-shop';
export const ci = 'letterlock-lifecycle-ci';

/** A binding that is held back by a finalizer until its secrets are purged. */
export const purgedBinding: object = bindingObject(
  shop,
  { namespace: ci, name: 'deployer' },
  { deletionPolicy: 'Purge' },
);

export const purgeFinalizer = 'letterlock.dev/purge';

/** Names in `World.facts`. */
export const facts = { before: 'lifecycle.before', values: 'lifecycle.values', reader: 'lifecycle.reader' } as const;
