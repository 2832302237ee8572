import { describe, expect, test } from '@jest/globals';
import { randomIdentifier } from '@letterlock/crypto';
import { deliveriesPrefix } from '../envelopes/delivery-record.ts';
import { liveBinding } from '../policy/testing/fake-bindings.ts';
import { BindingWorld, otherPod, readerPod, secretPath, writerPod } from './testing/binding-world.ts';
import { podIdentity, podOf, WorkloadsWorld } from './testing/workloads-world.ts';
import { WorkloadLedger } from './workload-ledger.ts';
import { chainsPrefix } from './workload-record.ts';

const uid = readerPod.workload.pod;

function bound(): { readonly world: BindingWorld; readonly ledger: WorkloadLedger } {
  const world = new BindingWorld();
  return { world, ledger: new WorkloadLedger(world) };
}

async function countOf({ store }: Pick<WorkloadsWorld, 'store'>, prefix: string): Promise<number> {
  return (await store.range({ prefix, limit: 100 })).entries.length;
}

describe('the ledger', () => {
  test('has the row and the certificates of a pod, and says once that they changed', async () => {
    const world = await WorkloadsWorld.make();
    const ledger = new WorkloadLedger(world);
    const { chain } = await world.enrol();
    expect([...(await ledger.look())]).toEqual([podIdentity.pod]);
    expect(ledger.of(podIdentity.pod)).toMatchObject({ row: { kid: world.agent.id }, chain, deliveries: [] });
    expect((await ledger.look()).size).toBe(0);
    await world.workloads.podGone(podIdentity.pod);
    expect([...(await ledger.look())]).toEqual([podIdentity.pod]);
    expect(ledger.of(podIdentity.pod)).toEqual({ row: undefined, chain: undefined, deliveries: [] });
  });

  test('a revoked row takes its certificates with it', async () => {
    const world = await WorkloadsWorld.make();
    await world.enrol();
    expect(await countOf(world, chainsPrefix(world.barrier))).toBe(1);
    await world.workloads.podChanged(podOf({ status: { phase: 'Succeeded' } }));
    expect(await countOf(world, chainsPrefix(world.barrier))).toBe(0);
  });

  test('has which version each pod was given, and when', async () => {
    const { world, ledger } = bound();
    await world.write(await world.make());
    await world.contentFor(readerPod);
    const at = world.clock.nowSeconds();
    await ledger.look();
    const common = { at, opened: at, ns: 'shop', binding: 'orders-db', secret: 'db', v: 1 };
    expect(ledger.of(uid).deliveries).toEqual([{ ...common, ver: 1, uid }]);
    await world.write(await world.make({ ver: 2 }));
    expect((await ledger.look()).size).toBe(0);
    await world.contentFor(readerPod);
    await world.contentFor(otherPod);
    expect(await ledger.look()).toEqual(new Set([uid, otherPod.workload.pod]));
    expect(ledger.of(uid).deliveries).toMatchObject([{ ver: 2 }]);
  });

  test('a refused read is no delivery', async () => {
    const { world, ledger } = bound();
    await world.write(await world.make());
    await expect(world.contentFor(writerPod)).rejects.toMatchObject({ code: 'not_found' });
    await world.keys.destroy('shop', 'orders-db');
    expect((await ledger.look()).size).toBe(0);
  });

  test('what opens once is delivered when it is claimed, and opened when that is acknowledged', async () => {
    const { world, ledger } = bound();
    world.bindings.put(liveBinding({ secrets: [{ name: 'db', opens: 'Once' }] }));
    const { id, ...made } = await world.makeOnce();
    await world.storeOnce({ id, ...made });
    const cid = randomIdentifier();
    const at = world.clock.nowSeconds();
    await world.openOnce(readerPod, id, cid);
    await ledger.look();
    expect(ledger.of(uid).deliveries).toEqual([{ at, ns: 'shop', binding: 'orders-db', secret: 'db', uid, v: 1 }]);
    world.clock.advance(5);
    const permitted = world.permit<'wrap.acknowledge'>({ act: 'wrap.acknowledge', id }, readerPod);
    await world.wraps.acknowledge(permitted, { cid });
    await ledger.look();
    expect(ledger.of(uid).deliveries).toMatchObject([{ at, opened: at + 5 }]);
    await expect(world.wraps.observe(secretPath)).resolves.toMatchObject({ st: 'OPENED', by: 'sa:ci/deployer' });
  });

  test('the version says which ServiceAccount wrote it', async () => {
    const { world } = bound();
    await world.write(await world.make());
    await expect(world.secrets.observe(secretPath)).resolves.toMatchObject({ by: 'sa:ci/deployer' });
  });

  test('does not read a record that stands in another’s place', async () => {
    const { world, ledger } = bound();
    await world.write(await world.make());
    await world.contentFor(readerPod);
    const prefix = deliveriesPrefix(world.barrier);
    const [entry] = (await world.store.range({ prefix, limit: 1 })).entries;
    await world.store.transact({ compare: [], then: [{ do: 'put', key: `${prefix}x/y`, value: entry!.value }] });
    await expect(ledger.look()).rejects.toMatchObject({ reason: 'storage_integrity' });
  });
});

describe('keepOnly()', () => {
  test('deletes what pods were given that are gone, and keeps what is newer than the list', async () => {
    const { world: given } = bound();
    await given.write(await given.make());
    await given.contentFor(readerPod);
    const { store, barrier } = given;
    const { workloads } = await WorkloadsWorld.make({ store, barrier });
    const prefix = deliveriesPrefix(barrier);
    const now = given.clock.nowSeconds();
    await workloads.keepOnly(new Set(), now);
    expect(await countOf({ store } as never, prefix)).toBe(1);
    await workloads.keepOnly(new Set([uid]), now + 1);
    expect(await countOf({ store } as never, prefix)).toBe(1);
    await workloads.keepOnly(new Set(), now + 1);
    expect(await countOf({ store } as never, prefix)).toBe(0);
  });
});
