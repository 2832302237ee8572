/**
 * How Jest runs the measurements that start a real server beside what they measure; bench/agent.sh starts it.
 * Must never judge: a measurement prints, and fails only when it could not measure.
 * @module
 */
import base from './jest.config.js';

/** @type {import('jest').Config} */
const config = {
  ...base,
  roots: ['<rootDir>/packages/agent'],
  testMatch: ['**/*.bench.ts'],
  reporters: ['default'],
};

export default config;
