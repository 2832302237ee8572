/**
 * How an administrative operation ends: done, or waiting for further signatures.
 * It must never call an operation done that still waits.
 * @module
 */
import type { OperationOutcome } from '@letterlock/client';
import type { Context } from './context.ts';
import type { Result, Row } from './output.ts';

/** Prints the result, or how many signatures there are and are needed. */
export function finish(context: Context, outcome: OperationOutcome, result: Result, rows: readonly Row[]): void {
  const { isDone } = outcome;
  context.output.result(
    { ...result, ...outcome },
    isDone ? rows : [['waiting', `${outcome.have} of ${outcome.k} signatures; further admins run the same command`]],
  );
}
