/**
 * The operations of wraps for the test that kills them at every store call.
 * It must never give a retry another id or claim id than the first try had.
 * @module
 */
import { expect } from '@jest/globals';
import { AuditTrail } from '../../audit/audit-trail.ts';
import type { AuditAct } from '../../audit/record.ts';
import type { Store } from '../../store/store.ts';
import type { CrashScene } from '../../store/testing/kill-everywhere.ts';
import { openState, envelopePath, stateKey } from '../wrap-record.ts';
import type { Wraps } from '../wraps.ts';
import { makeClaim, reader, writer, WrapWorld, type MadeWrap } from './wrap-world.ts';

interface WrapOperation {
  readonly name: string;
  readonly acts: readonly AuditAct[];
  readonly before: readonly ('store' | 'open')[];
  readonly run: 'store' | 'open' | 'acknowledge' | 'revoke';
  readonly state: string;
}

export const wrapOperations: readonly WrapOperation[] = [
  { name: 'wrap', acts: ['wrap.store'], before: [], run: 'store', state: 'STORED' },
  { name: 'open', acts: ['wrap.open', 'wrap.redeliver'], before: ['store'], run: 'open', state: 'CLAIMED' },
  {
    name: 'ack',
    acts: ['wrap.acknowledge'],
    before: ['store', 'open'],
    run: 'acknowledge',
    state: 'OPENED',
  },
  { name: 'revoke', acts: ['wrap.revoke'], before: ['store'], run: 'revoke', state: 'REVOKED' },
];

/** A wrap that is ready for the operation, over a store. */
export async function prepareWrap(operation: WrapOperation, store: Store): Promise<CrashScene> {
  const world = new WrapWorld({ store: () => store, replica: 'PREPAREAAAA' });
  const { barrier, clock } = world;
  const wrap: MadeWrap = await world.makeWrap();
  const { request, cid } = makeClaim();
  const steps: Record<WrapOperation['run'], (wraps: Wraps) => Promise<unknown>> = {
    store: (wraps) => world.storeAs(writer, wrap, {}, wraps),
    open: (wraps) => world.openAs(reader, wrap.id, request, {}, wraps),
    acknowledge: (wraps) => world.acknowledgeAs(reader, wrap.id, { cid }, {}, wraps),
    revoke: (wraps) => world.revokeAs(writer, wrap.id, {}, wraps),
  };
  for (const step of operation.before) await steps[step](world.wraps);
  const key = stateKey(barrier, wrap.id);
  const envelopeKey = barrier.keyOf(envelopePath(wrap.id));
  const stored = async () => {
    const [[state], [envelope]] = [
      (await store.range({ key })).entries,
      (await store.range({ key: envelopeKey })).entries,
    ];
    return { state: openState(barrier, key, state).record?.s, hasEnvelope: envelope !== undefined };
  };
  return {
    start: (from, name) => {
      const audit = new AuditTrail({ replica: name, barrier, clock });
      const wraps = world.replica(name, from, audit);
      return {
        replica: name,
        lastSeq: () => audit.lastSeq,
        run: async () => {
          await again(() => steps[operation.run](wraps));
        },
      };
    },
    barrier: () => barrier,
    isChange: ({ puts, deletes }) => puts.includes(key) || deletes.includes(key),
    acts: operation.acts,
    expectWhole: async () => {
      const { state, hasEnvelope } = await stored();
      expect({ state, hasEnvelope }).toEqual({ state, hasEnvelope: state === 'STORED' || state === 'CLAIMED' });
    },
    expectDone: async () => {
      expect((await stored()).state).toBe(operation.state);
      if (operation.run !== 'open') return;
      const thief = world.openAs(reader, wrap.id, makeClaim().request, {}, world.replica('THIEFAAAAAA', store));
      await expect(thief).rejects.toMatchObject({ code: 'already_claimed' });
    },
  };
}

/** What was revoked in the life before is gone to its writer now: that too is the end of a revocation. */
async function again(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    expect(error).toMatchObject({ code: 'gone', members: { st: 'REVOKED' } });
  }
}
