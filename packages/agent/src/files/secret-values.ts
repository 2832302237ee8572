/**
 * The values of one secret by key, as they lie in the agent's memory.
 * It must never be written anywhere but into a delivered file or to a caller on the socket.
 * @module
 */
import type { SecretBytes } from '@letterlock/crypto';

export type SecretValues = ReadonlyMap<string, SecretBytes>;
