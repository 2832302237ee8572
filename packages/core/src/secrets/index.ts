/**
 * Versioned secrets.
 * @module
 */
export { Secrets, type SecretsOptions } from './secrets.ts';
