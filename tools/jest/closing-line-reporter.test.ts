import { describe, expect, test } from '@jest/globals';
import { closingLine } from './closing-line-reporter.js';

const clean = {
  numPassedTests: 3,
  numFailedTests: 0,
  numRuntimeErrorTestSuites: 0,
  numPendingTests: 0,
  numTodoTests: 0,
};

describe('closingLine()', () => {
  test.each([
    { name: 'a clean run', results: clean, line: '3 passed, 0 failed' },
    { name: 'a failed test', results: { ...clean, numFailedTests: 1 }, line: '3 passed, 1 failed' },
    {
      name: 'a suite that could not start',
      results: { ...clean, numRuntimeErrorTestSuites: 2 },
      line: '3 passed, 2 failed',
    },
    {
      name: 'skipped tests',
      results: { ...clean, numPendingTests: 1, numTodoTests: 1 },
      line: '3 passed, 0 failed, 2 skipped',
    },
  ])('counts $name', ({ results, line }) => {
    expect(closingLine(results)).toBe(line);
  });
});
