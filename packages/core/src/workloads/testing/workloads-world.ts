/**
 * A small world for tests of workloads: an API server with one injected pod, authorities, a store, a clock.
 * It must never be shared between tests that change it.
 * @module
 */
import { generateSigningKey, publicOf } from '@letterlock/crypto';
import type { JcsObject } from '@letterlock/protocol';
import { AuditTrail, auditPath } from '../../audit/audit-trail.ts';
import type { AuditRecord } from '../../audit/record.ts';
import { WorkloadAuthorities } from '../../ca/index.ts';
import {
  asStored,
  imageDigest,
  imageId,
  injected,
  makePod,
  settings,
} from '../../injection/testing/injection-world.ts';
import { permit } from '../../policy/index.ts';
import type { Permitted } from '../../policy/permitted.ts';
import { prove, type Caller } from '../../proof/proven.ts';
import { reviewedPod } from '../../proof/testing/token-reviews.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { FakeBarrier } from '../../store/testing/fake-barrier.ts';
import { FaultyStore } from '../../store/testing/faulty-store.ts';
import { FixedClock } from '../../store/testing/fixed-clock.ts';
import { callerFor, makeParty, type Party } from '../../wraps/testing/wrap-world.ts';
import { parseCanonical } from '@letterlock/protocol';
import type { EnrolmentAlarm } from '../suspicions.ts';
import { Workloads, type WorkloadsOptions } from '../workloads.ts';
import { FakeWitness } from './fake-witness.ts';

export const trustDomain = settings.trustDomain;
export const enrolAudience = `letterlock-enrol:${trustDomain}`;
export const enrolToken = 'the token of the pod';
export const podAddress = '10.244.0.17';
export const firstContainer = 'containerd://4f1c9a';
export const podIdentity = {
  td: trustDomain,
  ns: reviewedPod.namespace,
  sa: reviewedPod.serviceAccount,
  pod: reviewedPod.podUid,
} as const;

/** One start of the agent, as the kubelet reports it. */
export interface AgentReport {
  readonly container?: string;
  readonly restarts?: number;
  readonly image?: string;
  readonly state?: JcsObject;
}

const pristine = asStored(injected(makePod()));

/** The live pod as the API server shows it. */
export function podOf(
  change: {
    readonly agent?: AgentReport | 'unreported';
    readonly metadata?: object;
    readonly status?: object;
    readonly spec?: object;
  } = {},
): Record<string, unknown> {
  const agent = change.agent === 'unreported' ? undefined : (change.agent ?? {});
  const running = { running: { startedAt: '2026-11-24T12:00:00Z' } };
  return {
    ...pristine,
    metadata: { ...pristine.metadata, name: reviewedPod.podName, uid: reviewedPod.podUid, ...change.metadata },
    spec: { ...pristine.spec, nodeName: 'node-1', ...change.spec },
    status: {
      phase: 'Pending',
      podIP: podAddress,
      podIPs: [{ ip: podAddress }, { ip: 'fd00::17' }],
      ...(agent === undefined
        ? {}
        : {
            initContainerStatuses: [
              {
                name: 'letterlock-agent',
                containerID: agent.container ?? firstContainer,
                imageID: agent.image ?? imageId,
                restartCount: agent.restarts ?? 0,
                state: agent.state ?? running,
              },
            ],
          }),
      ...change.status,
    },
  };
}

export class WorkloadsWorld {
  readonly memory = new MemoryStore();
  readonly store = new FaultyStore(this.memory);
  readonly barrier = new FakeBarrier();
  readonly clock = new FixedClock();
  readonly audit = new AuditTrail({ replica: 'AAAAAAAAAAA', barrier: this.barrier, clock: this.clock });
  readonly witness = new FakeWitness();
  readonly instanceKey = generateSigningKey();
  readonly alarms: EnrolmentAlarm[] = [];
  readonly revoked: string[] = [];
  readonly agent: Party = makeParty();
  authorities!: WorkloadAuthorities;
  workloads!: Workloads;

  static async make(change: Partial<WorkloadsOptions> = {}): Promise<WorkloadsWorld> {
    const world = new WorkloadsWorld();
    const { store, barrier, audit, clock, instanceKey, witness } = world;
    world.authorities = await WorkloadAuthorities.open({ store, barrier, audit, clock, trustDomain, instanceKey });
    witness.tokens.set(enrolToken, { facts: reviewedPod, audience: enrolAudience });
    world.show(podOf());
    world.workloads = new Workloads({
      store,
      barrier,
      audit,
      clock,
      trustDomain,
      instanceKey: publicOf(instanceKey).jwk,
      authorities: world.authorities,
      witness,
      forms: () => ({ settings: [settings], imageDigests: [imageDigest] }),
      checkSourceAddress: true,
      alarmed: (alarm) => world.alarms.push(alarm),
      revoked: (uid) => world.revoked.push(uid),
      ...change,
    });
    return world;
  }

  /** What a live GET of the pod gives from now on. */
  show(pod: unknown): void {
    this.witness.pods.set(`${reviewedPod.namespace}/${reviewedPod.podName}`, pod);
  }

  permitEnrol(agent: Party = this.agent, change: Partial<Caller> = {}): Permitted<'workload.enrol'> {
    const world = { grants: [], nowSeconds: this.clock.nowSeconds() };
    return permit<'workload.enrol'>(
      { act: 'workload.enrol', id: agent.id },
      prove(callerFor(agent, change), undefined),
      world,
    );
  }

  async enrol(agent: Party = this.agent, change: { readonly token?: string; readonly from?: string } = {}) {
    const { token = enrolToken, from = `::ffff:${podAddress}` } = change;
    const request = { keyset: agent.keyset, token, sourceAddress: from };
    return this.workloads.enrol(this.permitEnrol(agent), request);
  }

  /** Whether the certificate's key is known as the pod's. */
  async knows(agent: Party = this.agent): Promise<boolean> {
    const directory = this.workloads.directoryOf({ identity: podIdentity, key: agent.keyset.sig });
    return (await directory.find(agent.id)) !== undefined;
  }

  async records(): Promise<AuditRecord[]> {
    const records: AuditRecord[] = [];
    for (let seq = 1; seq <= this.audit.lastSeq; seq += 1) {
      const path = auditPath('AAAAAAAAAAA', seq);
      const [entry] = (await this.memory.range({ key: this.barrier.keyOf(path) })).entries;
      if (entry !== undefined) {
        records.push(parseCanonical(this.barrier.open(path, entry.value)) as unknown as AuditRecord);
      }
    }
    return records;
  }
}
