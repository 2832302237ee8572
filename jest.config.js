/**
 * How Jest runs every test that needs no cluster and no downloaded data: native ES modules, sources of all packages, no build.
 * Must never run under CommonJS or an old Node: `globalSetup` refuses both.
 * @module
 */

/** @type {import('jest').Config} */
const config = {
  roots: [
    '<rootDir>/packages',
    '<rootDir>/tools',
    '<rootDir>/bench',
    ...['attacks', 'guide', 'replicas', 'faults', 'cluster', 'run'].map((name) => `<rootDir>/e2e/${name}`),
  ],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '\\.wycheproof\\.test\\.ts$'],
  modulePathIgnorePatterns: ['<rootDir>/packages/[^/]+/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@letterlock/source', 'node', 'node-addons'] },
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: { parser: { syntax: 'typescript' }, target: 'esnext' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  globalSetup: '<rootDir>/tools/jest/refuse-wrong-runtime.js',
  reporters: ['default', '<rootDir>/tools/jest/closing-line-reporter.js'],
  maxWorkers: 2,
};

export default config;
