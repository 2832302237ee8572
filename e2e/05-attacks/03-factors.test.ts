/**
 * Stolen tokens, stolen certificates, and what does not belong together. The test stands in for the agent of a pod: what it does
 * first is let in, so that what is refused afterwards is refused for the one thing that differs.
 * @module
 */
import { createIdentity } from '@letterlock/client';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { NewLines } from '../run/server-log.ts';
import { ci, serviceNamespace, writes } from './names.ts';
import { endAgent, heldUpPod, placeIn, untilAgentRuns } from './places.ts';
import { audiences, madeUpMember, mintToken, refusalOf, Thief, type Member } from './thief.ts';

const victim = { namespace: ci, pod: 'victim' };
/** What the test has as the agent of the victim. */
const held = new WeakMap<World, Member>();

function memberOf(world: World): Member {
  const member = held.get(world);
  if (member === undefined) throw new Error('Nobody has enrolled for the victim');
  return member;
}

const writerTokenOf = (world: World, pod: string): string => mintToken(world, { namespace: ci, pod }, audiences.write);
const apiTokenOf = (world: World, pod: string): string =>
  world.kubectl(`-n ${ci} exec ${pod} -c place -- cat /var/run/secrets/kubernetes.io/serviceaccount/token`).trim();

interface Attack {
  readonly title: string;
  /** Told to the thief. */
  readonly code: string;
  /** In the server's log. */
  readonly reason: string;
  /** Where the thief stands. Default the victim. */
  readonly pod?: string;
  readonly run: (thief: Thief, world: World) => Promise<unknown>;
}

/** Everything but one thing is as in the two steps that are let in. */
const attacks: readonly Attack[] = [
  {
    title: 'the token for enrolment of another pod',
    code: 'denied',
    reason: 'source_address',
    run: (thief, world) => thief.enrol(mintToken(world, { namespace: ci, pod: 'writer' }, audiences.enrol)),
  },
  {
    title: 'a token for writing, used to enrol',
    code: 'denied',
    reason: 'token_not_authenticated',
    run: (thief, world) => thief.enrol(writerTokenOf(world, 'victim')),
  },
  {
    title: 'the API token of the pod, used to enrol',
    code: 'denied',
    reason: 'token_not_authenticated',
    run: (thief, world) => thief.enrol(apiTokenOf(world, 'victim')),
  },
  {
    title: 'the API token of the pod, used to write',
    code: 'denied',
    reason: 'token_not_authenticated',
    run: (thief, world) => thief.write(memberOf(world), apiTokenOf(world, 'victim'), 'stolen'),
  },
  {
    title: 'the certificate of one pod with the token of another',
    code: 'denied',
    reason: 'token_other_pod',
    run: (thief, world) => thief.write(memberOf(world), writerTokenOf(world, 'writer'), 'stolen'),
  },
  {
    title: 'the certificate without a token',
    code: 'denied',
    reason: 'writer_token_missing',
    run: (thief, world) => thief.write(memberOf(world), undefined, 'stolen'),
  },
  {
    title: 'the token with a certificate of one’s own making',
    code: 'bad_proof',
    reason: 'cert_chain',
    run: (thief, world) => thief.write(madeUpMember(), writerTokenOf(world, 'victim'), 'stolen'),
  },
  {
    title: 'a binding of another namespace, read by a ServiceAccount of the name that it lists',
    code: 'not_found',
    reason: 'binding_selects_not',
    pod: 'namesake',
    run: async (thief, world) => {
      const token = mintToken(world, { namespace: ci, pod: 'namesake' }, audiences.enrol);
      await thief.read(await thief.enrol(token), 'orders');
    },
  },
];

async function refused(world: World, { code, reason, pod = 'victim', run }: Attack): Promise<void> {
  using thief = await Thief.in(world, placeIn(pod));
  const lines = new NewLines(world, serviceNamespace);
  const found = await refusalOf(() => run(thief, world));
  if (found === undefined) throw new Error('token accepted');
  if (found !== code) throw new Error(`The service answered ${found}, not ${code}`);
  await lines.demandRefusal(reason);
  writes.demandNoOther(world);
}

/** Stands in for the agent of a pod of its own, whose membership then ends: what was held is worth nothing any more. */
async function refusedOnceEnded(world: World, pod: string, end: () => void): Promise<void> {
  world.apply([heldUpPod(await world.image('app'), pod)]);
  await untilAgentRuns(world, pod);
  let member: Member;
  {
    using thief = await Thief.in(world, placeIn(pod));
    member = await thief.enrol(mintToken(world, { namespace: ci, pod }, audiences.enrol));
    writes.count(world, await thief.write(member, writerTokenOf(world, pod), 'kept'));
  }
  const token = writerTokenOf(world, pod);
  const revoked = new NewLines(world, serviceNamespace);
  end();
  await revoked.demand('that it revoked the pod', ({ msg }) => msg === 'Revoked a workload', 60);
  await refused(world, {
    title: '',
    code: 'bad_proof',
    reason: 'key_unknown',
    run: (thief) => thief.write(member, token, 'stolen'),
  });
}

async function secondKey(world: World): Promise<void> {
  using thief = await Thief.in(world, placeIn('victim'));
  const identity = createIdentity({ name: 'thief' });
  const token = mintToken(world, victim, audiences.enrol);
  const lines = new NewLines(world, serviceNamespace);
  const attempt = async (): Promise<string> => {
    const code = await refusalOf(() => thief.enrol(token, identity));
    if (code === undefined) throw new Error('token accepted');
    return code;
  };
  // At first it could be the agent itself, started again, of which the kubelet has not told.
  const first = await attempt();
  if (first !== 'unavailable' && first !== 'denied') throw new Error(`The service answered ${first}`);
  await world.eventually('it was not refused for good', async () => (await attempt()) === 'denied', 120);
  await lines.demandRefusal('container_key_taken');
  await world.eventually('no event told it', () => {
    const which = `reason=DoubleEnrolment,type=Warning,involvedObject.name=${victim.pod}`;
    return world.kubectl(`-n ${ci} get events --field-selector=${which} -o name`) !== '';
  });
  const url = `http://letterlock-health.${serviceNamespace}.svc:9090/metrics`;
  const metrics = world.kubectl(`-n ${ci} exec writer -c app -- curl -sf --max-time 5 ${url}`);
  if (!/^letterlock_enrolment_alarms_total [1-9]/m.test(metrics)) throw new Error('The metric has no alarm');
  // Who was first goes on.
  writes.count(world, await thief.write(memberOf(world), writerTokenOf(world, victim.pod), 'kept'));
  writes.demandNoOther(world);
}

export const steps: readonly Step[] = [
  {
    title: 'who stands in for the agent enrols with its token',
    seconds: 120,
    async run(world) {
      using thief = await Thief.in(world, placeIn(victim.pod));
      held.set(world, await thief.enrol(mintToken(world, victim, audiences.enrol)));
    },
  },
  {
    title: 'and writes with both factors',
    seconds: 120,
    async run(world) {
      using thief = await Thief.in(world, placeIn(victim.pod));
      writes.count(world, await thief.write(memberOf(world), writerTokenOf(world, victim.pod), 'kept'));
    },
  },
  ...attacks.map((attack): Step => ({
    title: `refused: ${attack.title}`,
    isRow: true,
    seconds: 120,
    run: (world) => refused(world, attack),
  })),
  {
    title: 'refused: the certificate of a deleted pod',
    isRow: true,
    seconds: 240,
    run: (world) =>
      refusedOnceEnded(world, 'deleted', () => void world.kubectl(`-n ${ci} delete pod deleted --wait=true`)),
  },
  {
    title: 'refused: the certificate of an agent that has started again',
    isRow: true,
    seconds: 240,
    run: (world) => refusedOnceEnded(world, 'restarted', () => endAgent(world, 'restarted')),
  },
  {
    title: 'refused, with an alarm: a second key for one start of an agent',
    isRow: true,
    seconds: 240,
    run: secondKey,
  },
];
