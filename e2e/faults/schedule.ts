/**
 * In which order the faults come: each once before any comes again, mixed by the seed.
 * It must never leave out a kind of fault when there is room for all.
 * @module
 */
import { faults, type FaultName } from './faults.ts';
import type { Chance } from './seeded.ts';

/** @param only - part of the names of faults to choose from; all by default */
export function scheduleOf(count: number, chance: Chance, only = ''): readonly FaultName[] {
  const names = (Object.keys(faults) as FaultName[]).filter((name) => name.includes(only));
  if (names.length === 0) throw new RangeError('Cannot plan: no fault has such a name');
  const planned: FaultName[] = [];
  while (planned.length < count) planned.push(...chance.shuffled(names));
  return planned.slice(0, count);
}
