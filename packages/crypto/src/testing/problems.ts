/**
 * What a test expects of a refusal.
 * It must never be imported outside tests.
 * @module
 */
import { isProblemError, type ProblemError } from '@letterlock/protocol';

/** The ProblemError that a call throws or rejects with. @throws Error if it does neither, or throws something else. */
export async function refusalOf(call: () => unknown): Promise<ProblemError> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    if (isProblemError(error)) return error;
    throw error;
  }
  throw new Error(`Nothing was refused: got ${typeof result}`);
}
