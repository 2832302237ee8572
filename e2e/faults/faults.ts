/**
 * The faults: what is done to the running installation, and how it is healed again.
 * It must never count a fault that did not strike, nor return before what it broke is whole.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Failpoint } from './failpoint-store.ts';
import { nowMilliseconds, type Recorder } from './history.ts';
import type { Installation } from './installation.ts';
import type { Load, Plan } from './load.ts';
import type { Replica } from './replica.ts';
import type { Chance } from './seeded.ts';
import type { ProxyFault, TcpProxy } from './tcp-proxy.ts';

export interface Stage {
  readonly installation: Installation;
  /** What everybody does. */
  readonly load: Load;
  /** The same people at clients of their own, which no other request holds up. */
  readonly prober: Load;
  readonly recorder: Recorder;
  readonly chance: Chance;
  /** Told how long after the kill of a leader every replica has served again. */
  readonly onServingAgain: (milliseconds: number) => void;
}

export type Fault = (stage: Stage) => Promise<void>;

/** How long something is away or hangs: longer than the deadline of a call of the store. */
const awayMilliseconds = 2500;
const probeMilliseconds = 150;
const servingMilliseconds = 20_000;
const strikeMilliseconds = 20_000;
const strikes = 6;
const betweenStrikesMilliseconds = 150;
/** Every replica asks every 700 ms whether another was sealed, on a busy machine. */
const sealedWithinMilliseconds = 2500;
const cutAfterBytes = 20_000;

/** Which plan of the load brings a transaction about. */
const plansOf: Readonly<Record<Failpoint['transaction'], Plan>> = {
  store: 'leave',
  claim: 'burn',
  end: 'race',
  read: 'secret',
  write: 'secret',
  audit: 'race',
};

/** Name, as it is printed → what happens. */
export const faults = {
  'kill the leader of etcd': killLeader,
  'kill a follower of etcd': (stage) => killMembers(stage, 1, false),
  'kill the majority of etcd': (stage) => killMembers(stage, 2, true),
  'stop the leader of etcd': (stage) => stopMember(stage, true),
  'stop a follower of etcd': (stage) => stopMember(stage, false),
  'kill a replica': async ({ installation, chance }) => {
    const replica = chance.one(installation.replicas);
    await replica.kill();
    await revive(installation, replica);
  },
  'stop a replica': async ({ installation, chance }) => {
    const replica = chance.one(installation.replicas);
    replica.pause();
    await pause(awayMilliseconds);
    replica.resume();
  },
  'kill a replica before a claim': failpoint('before', 'claim'),
  'kill a replica during a claim': failpoint('during', 'claim'),
  'kill a replica after a claim': failpoint('after', 'claim'),
  'kill a replica before an acknowledgement': failpoint('before', 'end'),
  'kill a replica after an acknowledgement': failpoint('after', 'end'),
  'kill a replica before the audit record of a read': failpoint('before', 'read'),
  'kill a replica after the audit record of a read': failpoint('after', 'read'),
  'kill a replica before the audit record of a refusal': failpoint('before', 'audit'),
  'kill a replica after the audit record of a refusal': failpoint('after', 'audit'),
  'kill a replica in the middle of a reply': killInReply,
  'drop answers of etcd': ({ installation }) => strikeAnswers(installation.etcd.proxies, 'drop'),
  'duplicate answers of etcd': ({ installation }) => strikeAnswers(installation.etcd.proxies, 'duplicate'),
  'delay answers of etcd': ({ installation }) => strikeAnswers(installation.etcd.proxies, 'delay'),
  'drop answers of replicas': ({ installation }) => strikeAnswers(proxiesOf(installation), 'drop'),
  'duplicate answers of replicas': ({ installation }) => strikeAnswers(proxiesOf(installation), 'duplicate'),
  'delay answers of replicas': ({ installation }) => strikeAnswers(proxiesOf(installation), 'delay'),
  'seal under load': sealUnderLoad,
} as const satisfies Readonly<Record<string, Fault>>;
export type FaultName = keyof typeof faults;

async function killLeader({ installation, prober, onServingAgain }: Stage): Promise<void> {
  const { etcd, replicas } = installation;
  const member = etcd.members[await etcd.leader()]!;
  const killedAt = nowMilliseconds();
  await member.kill();
  const served = await Promise.all(replicas.map((replica) => firstServed(prober, replica)));
  onServingAgain(Math.max(...served) - killedAt);
  await member.restart();
}

/** Asks again and again, without waiting for the answer before. @returns when the first was served */
async function firstServed(prober: Load, replica: Replica): Promise<number> {
  const until = nowMilliseconds() + servingMilliseconds;
  const served: number[] = [];
  const probe = async (): Promise<void> => {
    if (await prober.probe(replica.name)) served.push(nowMilliseconds());
  };
  const probes: Promise<void>[] = [];
  while (served.length === 0 && nowMilliseconds() < until) {
    probes.push(inBackground(probe()));
    await pause(probeMilliseconds);
  }
  await Promise.all(probes);
  return Math.min(...served);
}

async function killMembers({ installation, chance }: Stage, count: number, withLeader: boolean): Promise<void> {
  const { etcd } = installation;
  const leader = await etcd.leader();
  const followers = chance.shuffled(etcd.members.filter((_, index) => index !== leader));
  const killed = withLeader ? [etcd.members[leader]!, ...followers.slice(0, count - 1)] : followers.slice(0, count);
  await Promise.all(killed.map((member) => member.kill()));
  await pause(awayMilliseconds);
  await Promise.all(killed.map((member) => member.restart()));
}

async function stopMember({ installation, chance }: Stage, isLeader: boolean): Promise<void> {
  const { etcd } = installation;
  const leader = await etcd.leader();
  const others = etcd.members.filter((_, index) => index !== leader);
  const member = isLeader ? etcd.members[leader]! : chance.one(others);
  member.pause();
  await pause(awayMilliseconds);
  member.resume();
}

/** Arms a replica and sends it what brings the transaction about, until it has died of it. */
function failpoint(at: Failpoint['at'], transaction: Failpoint['transaction']): Fault {
  return async ({ installation, load, chance }) => {
    const replica = chance.one(installation.replicas);
    const ended = replica.ended();
    replica.arm({ at, transaction });
    const until = nowMilliseconds() + strikeMilliseconds;
    const provoked: Promise<void>[] = [];
    while (replica.isRunning && nowMilliseconds() < until) {
      provoked.push(inBackground(load.run(plansOf[transaction], replica.name)));
      await Promise.race([ended, pause(400)]);
    }
    if (replica.isRunning) throw new Error(`The replica was not killed ${at} its ${transaction}`);
    await revive(installation, replica);
    await Promise.all(provoked);
  };
}

async function killInReply({ installation, load, chance }: Stage): Promise<void> {
  const replica = chance.one(installation.replicas);
  const ended = replica.ended();
  const until = nowMilliseconds() + strikeMilliseconds;
  const isCut = Promise.withResolvers<boolean>();
  replica.proxy.cutLongAnswer(cutAfterBytes, () => {
    void replica.kill();
    isCut.resolve(true);
  });
  for (;;) {
    const open = await load.longDelivery(replica.name);
    const opened = inBackground(open());
    if (await Promise.race([isCut.promise, opened.then(() => false)])) {
      await ended;
      await revive(installation, replica);
      if ((await opened).is !== 'ok') throw new Error('The claim whose reply was cut was not delivered again');
      return;
    }
    // Another replica may have been asked, when this one was slow to answer.
    if (nowMilliseconds() > until) throw new Error('No reply was cut');
  }
}

/** It is waited for later; should the run end before, nobody has to hear of it. */
function inBackground<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

async function revive(installation: Installation, replica: Replica): Promise<void> {
  await replica.start();
  await installation.unseal(replica);
}

async function strikeAnswers(proxies: readonly TcpProxy[], fault: ProxyFault): Promise<void> {
  const hits = (): number => proxies.reduce((sum, proxy) => sum + proxy.hits, 0);
  const before = hits();
  for (let strike = 0; strike < strikes; strike += 1) {
    for (const proxy of proxies) proxy.strike(fault);
    await pause(betweenStrikesMilliseconds);
  }
  const until = nowMilliseconds() + strikeMilliseconds;
  while (hits() === before && nowMilliseconds() < until) await pause(betweenStrikesMilliseconds);
  if (hits() === before) throw new Error(`No answer was struck: ${fault}`);
}

function proxiesOf({ replicas }: Installation): readonly TcpProxy[] {
  return replicas.map(({ proxy }) => proxy);
}

async function sealUnderLoad({ installation, recorder, chance }: Stage): Promise<void> {
  const { replicas, admins } = installation;
  const first = chance.one(replicas);
  using client = installation.adminClient(first, chance.one(admins));
  await client.seal();
  const sealedAt = nowMilliseconds();
  await pause(sealedWithinMilliseconds + awayMilliseconds);
  const until = nowMilliseconds();
  for (const replica of replicas) {
    const from = replica === first ? sealedAt : sealedAt + sealedWithinMilliseconds;
    recorder.addSealedTime({ replica: replica.name, from, to: until });
  }
  for (const replica of replicas) {
    using asked = installation.adminClient(replica, admins[0]!);
    const { state } = await asked.state();
    if (state !== 'sealed') throw new Error(`Replica ${replica.name} is ${state} after the seal`);
  }
  await Promise.all(replicas.map((replica) => installation.unseal(replica)));
}
