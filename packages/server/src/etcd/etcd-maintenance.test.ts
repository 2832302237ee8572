import { beforeEach, describe, expect, test } from '@jest/globals';
import { FixedClock } from '@letterlock/core/testing';
import { EtcdMaintenance } from './etcd-maintenance.ts';
import { MemberChoice } from './member-choice.ts';
import { FakeCluster, FakeMember } from './testing/fake-member.ts';

const mebibyte = 1_048_576;
const week = 604_800;

let clock: FixedClock;
let cluster: FakeCluster;
let members: readonly FakeMember[];
let choice: MemberChoice;

function newMaintenance(): EtcdMaintenance {
  return new EtcdMaintenance({ members, choice, clock, prefix: 'letterlock/' });
}

function calls(name: string): readonly string[] {
  return members.filter((member) => member.calls.includes(name)).map(({ endpoint }) => endpoint);
}

beforeEach(() => {
  clock = new FixedClock();
  cluster = new FakeCluster();
  members = ['a', 'b', 'c'].map((endpoint) => new FakeMember(endpoint, cluster));
  choice = new MemberChoice(members.length, 0);
});

describe('compaction', () => {
  test('forgets what is older than five minutes, and nothing younger', async () => {
    const maintenance = newMaintenance();
    const compacted: (number | undefined)[] = [];
    for (let minute = 0; minute <= 7; minute += 1) {
      cluster.revision = 100 + minute;
      compacted.push((await maintenance.run()).compactedTo);
      clock.advance(60);
    }
    expect(compacted).toEqual([undefined, undefined, undefined, undefined, undefined, 100, 101, 102]);
  });

  test('is content when another replica has forgotten more', async () => {
    const maintenance = newMaintenance();
    await maintenance.run();
    clock.advance(300);
    cluster.compactedTo = 1000;
    expect(await maintenance.run()).toMatchObject({ failed: [] });
  });

  test('does not trust a wall clock that was stepped', async () => {
    const maintenance = newMaintenance();
    await maintenance.run();
    clock.step(86_400);
    expect((await maintenance.run()).compactedTo).toBeUndefined();
  });

  test('keeps everything while the alarm of a full database is not raised, and nothing while it is', async () => {
    const maintenance = newMaintenance();
    cluster.revision = 50;
    expect((await maintenance.run()).compactedTo).toBeUndefined();
    cluster.alarms = [{ memberID: '1', alarm: 'Nospace' }];
    expect((await maintenance.run()).compactedTo).toBe(cluster.revision);
  });
});

describe('defragmentation', () => {
  const makeWasteful = (): void => {
    Object.assign(members[1]!, { databaseBytes: 128 * mebibyte, usedBytes: 10 * mebibyte });
  };

  test('is not done at the first start', async () => {
    makeWasteful();
    expect((await newMaintenance().run()).defragmented).toEqual([]);
  });

  test('is done every week, to all members, one after the other', async () => {
    const maintenance = newMaintenance();
    await maintenance.run();
    clock.advance(week - 1);
    expect((await maintenance.run()).defragmented).toEqual([]);
    clock.advance(1);
    expect((await maintenance.run()).defragmented).toEqual(['a', 'b', 'c']);
    expect((await maintenance.run()).defragmented).toEqual([]);
  });

  test.each([
    { name: 'a file that is mostly free', databaseBytes: 128 * mebibyte, usedBytes: 63 * mebibyte, is: ['b'] },
    { name: 'a file that is half used', databaseBytes: 128 * mebibyte, usedBytes: 64 * mebibyte, is: [] },
    { name: 'a small file', databaseBytes: 63 * mebibyte, usedBytes: mebibyte, is: [] },
  ])('after an hour, of $name: $is', async ({ databaseBytes, usedBytes, is }) => {
    const maintenance = newMaintenance();
    await maintenance.run();
    Object.assign(members[1]!, { databaseBytes, usedBytes });
    clock.advance(3599);
    expect((await maintenance.run()).defragmented).toEqual([]);
    clock.advance(1);
    expect((await maintenance.run()).defragmented).toEqual(is);
  });

  test('of several replicas one takes the turn', async () => {
    const replicas = [newMaintenance(), newMaintenance(), newMaintenance()];
    for (const replica of replicas) await replica.run();
    clock.advance(week);
    const reports = await Promise.all(replicas.map((replica) => replica.run()));
    expect(reports.filter(({ defragmented }) => defragmented.length > 0)).toHaveLength(1);
  });

  test('keeps calls away from a member that is busy with it', async () => {
    const maintenance = newMaintenance();
    await maintenance.run();
    clock.advance(week);
    const current: number[] = [];
    for (const [index, member] of members.entries()) {
      member.defragment = async () => {
        current.push(choice.current === index ? index : -1);
      };
    }
    await maintenance.run();
    expect(current).toEqual([-1, -1, -1]);
  });

  test('goes on with the others when one member is away, and says which', async () => {
    const maintenance = newMaintenance();
    await maintenance.run();
    clock.advance(week);
    members[1]!.isAway = true;
    const { defragmented, failed } = await maintenance.run();
    expect(defragmented).toEqual(['a', 'c']);
    expect(failed).toEqual(['b']);
  });

  test('is done again when the record of the last time lies far ahead', async () => {
    cluster.turn = { value: Buffer.from(String(clock.nowSeconds() + 2 * week)), revision: 1 };
    expect((await newMaintenance().run()).defragmented).toEqual(['a', 'b', 'c']);
  });

  test('takes a record that it cannot read for none', async () => {
    cluster.turn = { value: Buffer.from('x'), revision: 1 };
    expect((await newMaintenance().run()).defragmented).toEqual([]);
    expect(cluster.turn.value.toString()).toBe(String(clock.nowSeconds()));
  });
});

describe('the alarm of a full database', () => {
  beforeEach(() => {
    cluster.alarms = [{ memberID: '1', alarm: 'Nospace' }];
  });

  test('is lifted after compaction and defragmentation', async () => {
    const report = await newMaintenance().run();
    expect(report).toMatchObject({ compactedTo: 1, defragmented: ['a', 'b', 'c'], disarmed: 1, alarms: ['Nospace'] });
    expect(cluster.alarms).toEqual([]);
    expect(calls('transact')).toEqual([]);
  });

  test('is not fought more often than every five minutes', async () => {
    const maintenance = newMaintenance();
    await maintenance.run();
    cluster.alarms = [{ memberID: '1', alarm: 'Nospace' }];
    clock.advance(299);
    expect(await maintenance.run()).toMatchObject({ defragmented: [], disarmed: 0 });
    clock.advance(1);
    expect(await maintenance.run()).toMatchObject({ defragmented: ['a', 'b', 'c'], disarmed: 1 });
  });

  test('stays when nothing could be defragmented', async () => {
    for (const member of members) {
      member.defragment = async () => {
        throw new Error('14 UNAVAILABLE');
      };
    }
    expect(await newMaintenance().run()).toMatchObject({ disarmed: 0, failed: ['a', 'b', 'c'] });
    expect(cluster.alarms).toHaveLength(1);
  });

  test('is never taken for the alarm of damaged data, which stays', async () => {
    cluster.alarms = [{ memberID: '1', alarm: 'Corrupt' }];
    expect(await newMaintenance().run()).toMatchObject({ alarms: ['Corrupt'], disarmed: 0 });
    expect(cluster.alarms).toHaveLength(1);
  });
});

test('a cluster that is away altogether is reported, not thrown', async () => {
  for (const member of members) member.isAway = true;
  expect(await newMaintenance().run()).toMatchObject({ failed: ['a', 'b', 'c'], databaseBytes: 0 });
});
