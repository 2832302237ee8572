/**
 * The operations of secrets for the test that kills them at every store call.
 * It must never give a retry another envelope than the first try had.
 * @module
 */
import { expect } from '@jest/globals';
import { AuditTrail } from '../../audit/audit-trail.ts';
import type { AuditAct } from '../../audit/record.ts';
import type { Store } from '../../store/store.ts';
import type { CrashScene } from '../../store/testing/kill-everywhere.ts';
import { envelopePath, latestKey, openLatest, openVersion, versionKey } from '../secret-record.ts';
import { path, SecretsWorld, writer } from './secrets-world.ts';

interface SecretOperation {
  readonly name: string;
  readonly act: AuditAct;
  /** Versions that are there before it. */
  readonly before: number;
  readonly run: 'write' | 'destroy';
  readonly state: string;
}

export const secretOperations: readonly SecretOperation[] = [
  { name: 'secret write, the first version', act: 'secret.write', before: 0, run: 'write', state: 'STORED' },
  { name: 'secret write, the next version', act: 'secret.write', before: 1, run: 'write', state: 'STORED' },
  { name: 'secret destroy', act: 'secret.destroy', before: 1, run: 'destroy', state: 'DESTROYED' },
];

/** A secret that is ready for the operation, over a store. */
export async function prepareSecret(operation: SecretOperation, store: Store): Promise<CrashScene> {
  const world = new SecretsWorld({ store: () => store, replica: 'PREPAREAAAA' });
  const { barrier, clock } = world;
  const ver = operation.run === 'write' ? operation.before + 1 : operation.before;
  for (let number = 1; number <= operation.before; number += 1) await world.write(await world.make(number));
  const made = await world.make(ver);
  const rival = await world.make(ver, { content: 'another' });
  const key = versionKey(barrier, path, ver);
  const read = async (at: string) => (await store.range({ key: at })).entries[0];
  const stored = async () => ({
    latest: openLatest(barrier, path, await read(latestKey(barrier, path))).record?.ver ?? 0,
    state: openVersion(barrier, path, await read(key)).record?.s,
    hasEnvelope: (await read(barrier.keyOf(envelopePath(path, ver)))) !== undefined,
  });
  return {
    start: (from, name) => {
      const audit = new AuditTrail({ replica: name, barrier, clock });
      const secrets = world.replica(name, from, audit);
      const run = {
        write: () => world.write(made, writer, secrets),
        destroy: () => world.destroy(ver, writer, secrets),
      }[operation.run];
      return { replica: name, lastSeq: () => audit.lastSeq, run };
    },
    barrier: () => barrier,
    isChange: ({ puts }) => puts.includes(key),
    acts: [operation.act],
    expectWhole: async () => {
      const { latest, state, hasEnvelope } = await stored();
      expect({ latest, hasEnvelope }).toEqual({
        latest: state === undefined ? operation.before : ver,
        hasEnvelope: state === 'STORED',
      });
    },
    expectDone: async () => {
      expect(await stored()).toMatchObject({ latest: ver, state: operation.state });
      const late = world.write(rival, writer, world.replica('RIVALAAAAAA', store));
      await expect(late).rejects.toMatchObject({ code: 'conflict', members: { ver } });
    },
  };
}
