import { expect, test } from '@jest/globals';
import { FixedClock } from '../store/testing/fixed-clock.ts';
import { WatchFreshness } from './watch-freshness.ts';

test('a watch is current for five minutes after it was heard of, and not before', () => {
  const clock = new FixedClock();
  const watch = new WatchFreshness(clock);
  expect(watch.isCurrent()).toBe(false);
  watch.seen();
  clock.advance(300);
  expect(watch.isCurrent()).toBe(true);
  clock.step(-10_000);
  clock.advance(1);
  expect(watch.isCurrent()).toBe(false);
  watch.seen();
  expect(watch.isCurrent()).toBe(true);
});
