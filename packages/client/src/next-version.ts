/**
 * Writing the next version of a secret without knowing the latest: a refusal names it.
 * It must never try again after any other refusal.
 * @module
 */
import { LetterlockError } from './errors.ts';

/** One try that learns the latest version from its refusal, one that uses it, and one more if somebody wrote in between. */
const writeAttempts = 3;

/** @param seen - highest version that is known, if any. @throws what `store` throws */
export async function storeNext<T>(seen: number | undefined, store: (ver: number) => Promise<T>): Promise<T> {
  let next = (seen ?? 0) + 1;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store(next);
    } catch (error) {
      const latest = latestOf(error);
      if (latest === undefined || latest < next || attempt >= writeAttempts) throw error;
      next = latest + 1;
    }
  }
}

/** The latest version that a refusal names. */
function latestOf(error: unknown): number | undefined {
  return error instanceof LetterlockError && error.code === 'conflict' ? error.members.ver : undefined;
}
