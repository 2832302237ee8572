/**
 * Ends a Jest run with one plain line, `N passed, N failed`, that a script can add up.
 * Must never print anything after that line, nor call a suite that could not start anything but failed.
 * JavaScript on purpose: Jest loads it before the refusal of an old Node is shown.
 * @module
 */

/** @param {Pick<import('@jest/reporters').AggregatedResult, 'numPassedTests' | 'numFailedTests' | 'numRuntimeErrorTestSuites' | 'numPendingTests' | 'numTodoTests'>} results */
export function closingLine(results) {
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  const skipped = results.numPendingTests + results.numTodoTests;
  return `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export default class ClosingLineReporter {
  /**
   * @param {unknown} _contexts
   * @param {import('@jest/reporters').AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    const line = closingLine(results);
    process.once('exit', () => process.stdout.write(`${line}\n`));
  }
}
