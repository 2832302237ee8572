/**
 * Parts of the agent by themselves, for tests that stand where an agent would, or a thief.
 * It must never be used by a program.
 * @module
 */
export { readSecret } from './read-secret.ts';
export { RpcClient } from './rpc-client.ts';
export { TrustFolder, type Trust } from './trust-folder.ts';
export { writeSecret } from './write-secret.ts';
