/**
 * Where the service of this story is, who may write, and whose writes are counted.
 * It must never hold what another story has.
 * @module
 */
import { CountedWrites } from '../run/counted-writes.ts';

export const serviceNamespace = 'letterlock-attacks';
/** Its pods receive. */
export const shop = 'letterlock-attacks-shop';
/** Its pods write. */
export const ci = 'letterlock-attacks-ci';

export const writes = new CountedWrites({ by: { namespace: ci, pod: 'writer' }, to: shop, password: 'kept' });
