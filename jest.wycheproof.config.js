/**
 * How Jest runs the tests that read Wycheproof's vectors; tools/wycheproof starts it.
 * Must never be used without that tool: it fetches the data and sums what the tests report.
 * @module
 */
import base from './jest.config.js';

/** @type {import('jest').Config} */
const config = {
  ...base,
  testMatch: ['**/*.wycheproof.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  reporters: ['default'],
};

export default config;
