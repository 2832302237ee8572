/** Kill at every store call, by index: what is stored and what is recorded never part. @module */
import { afterAll, describe, expect, test } from '@jest/globals';
import { applyInitial, GrantRegistry, IdentityRegistry, markInitial } from './identities/index.ts';
import { ceremonies, prepareCeremony, type Ceremony } from './seal/testing/crash-ceremonies.ts';
import { prepareSecret, secretOperations } from './secrets/testing/crash-secrets.ts';
import { MemoryStore } from './store/memory-store.ts';
import type { Store } from './store/store.ts';
import type { JournalStore } from './store/testing/journal-store.ts';
import { killEverywhere, tallyLine, type CrashScene, type KillTally } from './store/testing/kill-everywhere.ts';
import { prepareWrap, wrapOperations } from './wraps/testing/crash-wraps.ts';
import { makeParty } from './wraps/testing/wrap-world.ts';

interface Row {
  readonly name: string;
  readonly prepare: (journal: JournalStore) => Promise<CrashScene>;
}

const alice = makeParty();
const grant = { who: alice.id, verbs: ['wrap'], path: 'team-a' } as const;
const initialState = { identities: [alice.keyset.jws], grants: [grant] };

function registriesOf({ installation, clock }: Parameters<Ceremony['run']>[0], store: Store) {
  const { barrier, audit, inst } = installation.unsealed!;
  const common = { store, barrier, audit, clock };
  const identities = new IdentityRegistry({ ...common, inst, admins: installation.admins(), authorities: [] });
  return { store, barrier, identities, grants: new GrantRegistry(common) };
}

/** Initialisation by an admin with identities and grants in the configuration, which the admin signed nothing of. */
const configuredInit: Ceremony = {
  ...ceremonies.find(({ name }) => name === 'init')!,
  name: 'init with configured identities and grants',
  acts: ['init', 'identity.register', 'grant.put'],
  firstRecords: (barrier) => [markInitial(barrier)],
  isChange: ({ puts }) =>
    puts.includes('sys/seal') || (puts.length > 1 && puts.every((key) => !key.startsWith('sys/'))),
  run: async (world, first) => {
    await ceremonies.find(({ name }) => name === 'init')!.run(world, first);
    await applyInitial(initialState, registriesOf(world, world.store));
  },
  expectDone: async (store, _barrier, world) => {
    const { identities, grants, ...parts } = registriesOf(world, store);
    expect((await identities.currentKeyset(alice.id))?.jws).toBe(alice.keyset.jws);
    expect(await grants.of(alice.id)).toEqual([grant]);
    expect(await applyInitial(initialState, { ...parts, identities, grants })).toBe(false);
  },
};

const rows: readonly Row[] = [
  ...wrapOperations.map((each): Row => ({ name: each.name, prepare: (store) => prepareWrap(each, store) })),
  ...secretOperations.map((each): Row => ({ name: each.name, prepare: (store) => prepareSecret(each, store) })),
  ...[...ceremonies, configuredInit].map((each): Row => ({
    name: each.name,
    prepare: (store) => prepareCeremony(each, store),
  })),
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
