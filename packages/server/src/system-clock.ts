/**
 * The clock port on the machine's clocks.
 * It must never be used where a test wants to say what time it is: everything takes a Clock.
 * @module
 */
import type { Clock } from '@letterlock/core';

export const systemClock: Clock = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  monotonicSeconds: () => Math.floor(performance.now() / 1000),
};
