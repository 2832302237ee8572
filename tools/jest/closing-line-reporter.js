/**
 * Ends a Jest run with one plain line, `N passed, N failed`, that a script can add up.
 * Must never print anything after that line, nor leave out a suite that could not start.
 * JavaScript on purpose: Jest loads it before the refusal of an old Node is shown.
 * @module
 */

/**
 * @typedef {object} Results the counts that Jest hands to a reporter
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numRuntimeErrorTestSuites
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 */

/** @param {Results} results */
export function closingLine(results) {
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  const skipped = results.numPendingTests + results.numTodoTests;
  return `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export default class ClosingLineReporter {
  /**
   * @param {unknown} _contexts
   * @param {Results} results
   */
  onRunComplete(_contexts, results) {
    const line = closingLine(results);
    process.once('exit', () => process.stdout.write(`${line}\n`));
  }
}
