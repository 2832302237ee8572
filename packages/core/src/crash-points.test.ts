/** Kill at every store call, by index: what is stored and what is recorded never part. @module */
import { afterAll, describe, expect, test } from '@jest/globals';
import { ceremonies, prepareCeremony } from './seal/testing/crash-ceremonies.ts';
import { prepareSecret, secretOperations } from './secrets/testing/crash-secrets.ts';
import { MemoryStore } from './store/memory-store.ts';
import type { JournalStore } from './store/testing/journal-store.ts';
import { killEverywhere, tallyLine, type CrashScene, type KillTally } from './store/testing/kill-everywhere.ts';
import { prepareWrap, wrapOperations } from './wraps/testing/crash-wraps.ts';

interface Row {
  readonly name: string;
  readonly prepare: (journal: JournalStore) => Promise<CrashScene>;
}

const rows: readonly Row[] = [
  ...wrapOperations.map((each): Row => ({ name: each.name, prepare: (store) => prepareWrap(each, store) })),
  ...secretOperations.map((each): Row => ({ name: each.name, prepare: (store) => prepareSecret(each, store) })),
  ...ceremonies.map((each): Row => ({ name: each.name, prepare: (store) => prepareCeremony(each, store) })),
];
const tallies: KillTally[] = [];

describe('kill at every store call', () => {
  test.each(rows)('$name: a new process finishes it, and every change has its record', async ({ name, prepare }) => {
    const tally = await killEverywhere(prepare, () => new MemoryStore());
    tallies.push(tally);
    console.log(tallyLine(name, tally));
    // A run that nothing was killed in would prove nothing.
    expect(tally.kills).toBeGreaterThanOrEqual(2);
    expect(tally).toMatchObject({ missing: 0, changes: tally.records });
  });
});

afterAll(() => {
  const sum = (of: keyof KillTally): number => tallies.reduce((all, tally) => all + tally[of], 0);
  const total = { kills: sum('kills'), changes: sum('changes'), records: sum('records'), missing: sum('missing') };
  console.log(tallyLine('kill at every store call, in total', total));
});
