/**
 * Workloads: enrolling agents, renewing their certificates, knowing them by their keys, and revoking them with their pods.
 * It must never issue before every witness has agreed and the row is stored, nor know a key whose row is gone.
 * @module
 */
import type { Keyset, VerifyingKey } from '@letterlock/crypto';
import { verifyKeyset } from '@letterlock/crypto';
import {
  audiencePrefixes,
  encodeBase64url,
  isProblemError,
  limits,
  ProblemError,
  workloadUri,
  type EnrolResponse,
  type PublicJwk,
  type WorkloadIdentity,
} from '@letterlock/protocol';
import type { AuditTrail } from '../audit/audit-trail.ts';
import { commitChange } from '../audit/commit-change.ts';
import type { AuditAct, AuditFacts } from '../audit/record.ts';
import { proveWorkload, type Svid, type WorkloadAuthorities } from '../ca/index.ts';
import type { WrittenForms } from '../injection/index.ts';
import type { Permitted } from '../policy/permitted.ts';
import { readTokenReview, type Directory, type TokenFacts } from '../proof/index.ts';
import type { Barrier } from '../store/barrier.ts';
import type { Clock } from '../store/clock.ts';
import type { Compare, Operation, Store } from '../store/store.ts';
import { decideEnrolment, type EnrolmentDecision } from './decide-enrolment.ts';
import { readLivePod } from './live-pod.ts';
import { deleteTraces, findLeftPods, keepChain } from './pod-traces.ts';
import { isReplaced } from './row-events.ts';
import { Suspicions, type EnrolmentAlarm } from './suspicions.ts';
import {
  chainKey,
  issuedKey,
  issuedPrefix,
  openIssued,
  openRow,
  putIssued,
  putRow,
  rowKey,
  rowsPrefix,
  type WorkloadRow,
} from './workload-record.ts';
import type { WorkloadWitness } from './workload-witness.ts';

export interface WorkloadsOptions {
  readonly store: Store;
  readonly barrier: Barrier;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly trustDomain: string;
  /** Public half, for agents that do not pin it. */
  readonly instanceKey: PublicJwk;
  readonly authorities: Pick<WorkloadAuthorities, 'issue' | 'bundle' | 'trusted'>;
  readonly witness: WorkloadWitness;
  /** What this server's injector writes and wrote. */
  readonly forms: () => WrittenForms;
  /** Whether the connection must come from the pod's address. Off behind a mesh that rewrites it. */
  readonly checkSourceAddress: boolean;
  /** A second key for one start of an agent: somebody has its token. */
  readonly alarmed: (alarm: EnrolmentAlarm) => void;
  /** The pod's row is gone or has another key: its connections are to be cut. */
  readonly revoked: (podUid: string) => void;
}

/** What enrolment and renewal are asked with. */
export interface EnrolmentRequest {
  /** The ServiceAccount token of audience `letterlock-enrol:<td>`. */
  readonly token: string;
  /** Of the agent; its signature key is the one that the caller proved. */
  readonly keyset: Keyset;
  readonly sourceAddress: string;
}

/** Somebody else changed a row in the same moment; twice is unlikely, more often is a defect. */
const attemptsLimit = 4;
const pageRows = 500;

/** Rows `wl/<pod uid>` of one installation. Rows are read from the store at each call, so that a revocation holds at once. */
export class Workloads {
  readonly #options: WorkloadsOptions;
  readonly #suspicions = new Suspicions();

  constructor(options: WorkloadsOptions) {
    this.#options = options;
  }

  /**
   * Enrols the agent of the pod that the token is of: one key for each start of its container; the same key is served again.
   * @throws 'denied'; 'unavailable' also while the kubelet may not have reported: the same request may then be right in a moment
   */
  enrol(permitted: Permitted<'workload.enrol'>, request: EnrolmentRequest): Promise<EnrolResponse> {
    return this.#recordingRefusal(permitted, () => this.#enrol(permitted, request, undefined));
  }

  /** A new certificate for the key of the present one, after the same questions as at enrolment. @throws as `enrol` */
  renew(permitted: Permitted<'workload.renew'>, request: Omit<EnrolmentRequest, 'keyset'>): Promise<EnrolResponse> {
    return this.#recordingRefusal(permitted, () => {
      const { workload, keyset } = permitted.caller;
      if (workload === undefined || keyset === undefined)
        throw new TypeError('Cannot renew: the caller is no workload');
      return this.#enrol(permitted, { ...request, keyset }, workload);
    });
  }

  /** Knows the one key that the pod of a certificate has now, and that only if it is the certificate's. */
  directoryOf({ identity, key }: Pick<Svid, 'identity' | 'key'>): Directory {
    return {
      find: async (id) => {
        const row = (await this.#row(identity.pod))?.row;
        if (row === undefined || id !== row.kid || key.thumbprint !== row.kid) return undefined;
        if (row.ns !== identity.ns || row.sa !== identity.sa) return undefined;
        const keyset = verifyKeyset(row.keyset);
        const node = row.node === undefined ? {} : { nodeUid: row.node };
        const workload = { ...identity, by: 'svid', ...node } as const;
        return { id, verifyingKey: keyset.sig, keyset, isAdmin: false, workload };
      },
    };
  }

  /** An event of the watch: revokes when the agent's start is over or the pod ends. An old report does nothing. @throws 'unavailable' */
  async podChanged(value: unknown): Promise<void> {
    const pod = readLivePod(value);
    const found = pod === undefined ? undefined : await this.#row(pod.uid);
    if (pod === undefined || found === undefined || !isReplaced(found.row, pod)) return;
    await this.#revoke(found.row, found.unchanged, 'agent_ended', []);
  }

  /** The pod is deleted: nothing of it is kept. Without effect for a pod that never enrolled. @throws 'unavailable' */
  async podGone(podUid: string): Promise<void> {
    this.#suspicions.drop(podUid);
    const found = await this.#row(podUid);
    const issued = await this.#issuedKeys(podUid);
    if (found !== undefined) await this.#revoke(found.row, found.unchanged, 'pod_gone', issued);
    else if (issued.length > 0) {
      const then = issued.map((key) => ({ do: 'delete', key }) as const);
      await this.#options.store.transact({ compare: [], then });
    }
    await deleteTraces(this.#options, podUid);
  }

  /**
   * After a complete list of pods: revokes every row of a pod that is not in it.
   * @param listedAtSeconds - when the list was asked for: who enrolled later may be missing in it. @throws 'unavailable'
   */
  async keepOnly(podUids: ReadonlySet<string>, listedAtSeconds: number): Promise<void> {
    const { store, barrier } = this.#options;
    for (let after: string | undefined, hasMore = true; hasMore;) {
      const request = { prefix: rowsPrefix(barrier), limit: pageRows, ...(after === undefined ? {} : { after }) };
      const page = await store.range(request);
      for (const entry of page.entries) {
        const { uid, at } = openRow(barrier, entry);
        if (!podUids.has(uid) && at < listedAtSeconds) await this.podGone(uid);
      }
      after = page.entries.at(-1)?.key;
      hasMore = page.hasMore && after !== undefined;
    }
    const left = await findLeftPods(this.#options, { podUids, beforeSeconds: listedAtSeconds });
    for (const podUid of left) await deleteTraces(this.#options, podUid);
  }

  /** Looks again at starts for which a second key came: still the pod's present one means that somebody has its token. @throws 'unavailable' */
  async judgeSuspicions(): Promise<void> {
    const { witness, clock } = this.#options;
    for (const { podUid, namespace, pod, containerId } of this.#suspicions.due(clock.monotonicSeconds())) {
      const live = readLivePod(await witness.readPod(namespace, pod));
      const isPresent = live?.uid === podUid && live.agent?.containerId === containerId && live.agent.isRunning;
      if (isPresent) await this.#alarm(podUid);
      else this.#suspicions.drop(podUid);
    }
  }

  async #enrol(
    { caller }: Permitted<'workload.enrol' | 'workload.renew'>,
    { token, keyset, sourceAddress }: EnrolmentRequest,
    expected: WorkloadIdentity | undefined,
  ): Promise<EnrolResponse> {
    if (caller.id !== keyset.id) throw new TypeError('Cannot enrol: the keyset is not the caller’s');
    const { clock, trustDomain, authorities } = this.#options;
    requireAgentKey(keyset, clock.nowSeconds());
    const facts = await this.#reviewed(token);
    const identity = { td: trustDomain, ns: facts.namespace, sa: facts.serviceAccount, pod: facts.podUid };
    // The certificate names one pod, the token another: one of them is not the caller's.
    if (expected !== undefined && workloadUri(expected) !== workloadUri(identity)) throw denied('token_other_pod');
    const { pod, agent } = await this.#admitted(facts, sourceAddress);
    const row: WorkloadRow = {
      at: clock.nowSeconds(),
      container: agent.containerId,
      keyset: keyset.jws,
      kid: keyset.id,
      name: pod.name,
      ...(facts.nodeUid === undefined ? {} : { node: facts.nodeUid }),
      ns: pod.namespace,
      restarts: agent.restarts,
      sa: pod.serviceAccount,
      uid: pod.uid,
      v: 1,
    };
    const act = expected === undefined ? 'workload.enrol' : 'workload.renew';
    await this.#register(row, {
      act,
      who: caller.id,
      factor: caller.factor,
      listener: caller.listener,
      cb: caller.binding,
      obj: workloadUri(identity),
      outcome: 'ok',
      reason: 'ok',
      req: caller.requestId,
    });
    const issued = await authorities.issue(proveWorkload({ identity, containerId: agent.containerId }), keyset.sig);
    const [signing] = authorities.trusted;
    const chain = [issued.der, signing!.der].map((der) => encodeBase64url(der));
    await keepChain(this.#options, { chain, kid: row.kid, uid: row.uid });
    return {
      bundle: authorities.bundle(),
      chain,
      sik: { ...this.#options.instanceKey },
    };
  }

  /** @throws 'denied', 'unavailable' */
  async #reviewed(token: string): Promise<TokenFacts> {
    const { witness, trustDomain } = this.#options;
    if (token.length > limits.tokenBytes) throw denied('token_too_long');
    const audience = `${audiencePrefixes.enrol}${trustDomain}`;
    const verdict = readTokenReview(await witness.reviewToken({ token, audience }), audience);
    if (!verdict.isGenuine) throw denied(verdict.reason);
    return verdict.facts;
  }

  /** @throws 'denied', 'unavailable' */
  async #admitted(
    token: TokenFacts,
    sourceAddress: string,
  ): Promise<Extract<EnrolmentDecision, { readonly isAdmitted: true }>> {
    const { witness, forms, checkSourceAddress } = this.#options;
    const decision = decideEnrolment({
      token,
      pod: readLivePod(await witness.readPod(token.namespace, token.podName)),
      forms: forms(),
      sourceAddress: checkSourceAddress ? sourceAddress : undefined,
    });
    if (decision.isAdmitted) return decision;
    const { reason, isPassing } = decision;
    throw isPassing ? new ProblemError('unavailable', { reason }) : denied(reason);
  }

  /** Stores row and first key of the start together, or finds that another key was first. @throws 'denied', 'unavailable' */
  async #register(row: WorkloadRow, facts: AuditFacts): Promise<void> {
    const { store, barrier, audit } = this.#options;
    const key = issuedKey(barrier, row.uid, row.container);
    for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
      const [entry] = (await store.range({ key })).entries;
      const found = await this.#row(row.uid);
      const first = entry === undefined ? undefined : openIssued(barrier, entry);
      if (first !== undefined && first.kid !== row.kid) await this.#refuseSecondKey(row);
      // A report from before a newer start, whose key must not be put out by it.
      if (found !== undefined && found.row.restarts > row.restarts) throw settling('agent_not_running');
      const unchanged: Compare = {
        key: rowKey(barrier, row.uid),
        field: 'mod',
        is: '=',
        revision: found?.revision ?? 0,
      };
      const free: Compare = { key, field: 'create', is: '=', revision: 0 };
      const issue: Operation = putIssued(barrier, { container: row.container, kid: row.kid, uid: row.uid, v: 1 });
      const { isApplied } = await commitChange(store, audit, facts, {
        compare: [unchanged, ...(first === undefined ? [free] : [])],
        then: [putRow(barrier, row), ...(first === undefined ? [issue] : [])],
      });
      if (!isApplied) continue;
      if (found !== undefined && found.row.kid !== row.kid) this.#options.revoked(row.uid);
      return;
    }
    throw new ProblemError('unavailable', { reason: 'store_contention' });
  }

  async #refuseSecondKey({ ns, name, uid, container, kid }: WorkloadRow): Promise<never> {
    const suspicion = { namespace: ns, pod: name, podUid: uid, containerId: container, kid };
    if (!this.#suspicions.note(suspicion, this.#options.clock.monotonicSeconds()))
      throw settling('container_key_taken');
    await this.#alarm(uid);
    throw denied('container_key_taken');
  }

  async #alarm(podUid: string): Promise<void> {
    const alarm = this.#suspicions.confirm(podUid);
    if (alarm === undefined) return;
    this.#options.alarmed(alarm);
    const { store, audit } = this.#options;
    await audit.record(store, { ...serviceFacts('workload.alarm', `wl/${podUid}`), reason: 'container_key_taken' });
  }

  async #row(podUid: string) {
    const { store, barrier } = this.#options;
    const key = rowKey(barrier, podUid);
    const [entry] = (await store.range({ key })).entries;
    if (entry === undefined) return undefined;
    const unchanged: Compare = { key, field: 'mod', is: '=', revision: entry.modRevision };
    return { row: openRow(barrier, entry), revision: entry.modRevision, unchanged };
  }

  /** Not applied means that the row has changed: then the newer one counts. */
  async #revoke(row: WorkloadRow, unchanged: Compare, reason: string, issued: readonly string[]): Promise<void> {
    const { store, audit } = this.#options;
    const identity = { td: this.#options.trustDomain, ns: row.ns, sa: row.sa, pod: row.uid };
    const then = [unchanged.key, chainKey(this.#options.barrier, row.uid), ...issued].map(
      (key) => ({ do: 'delete', key }) as const,
    );
    const facts = { ...serviceFacts('workload.revoke', workloadUri(identity)), reason };
    const { isApplied } = await commitChange(store, audit, facts, { compare: [unchanged], then });
    if (isApplied) this.#options.revoked(row.uid);
  }

  async #issuedKeys(podUid: string): Promise<readonly string[]> {
    const { store, barrier } = this.#options;
    const { entries } = await store.range({ prefix: issuedPrefix(barrier, podUid), limit: pageRows });
    return entries.map(({ key }) => key);
  }

  async #recordingRefusal<T>(
    { caller, action }: Permitted<'workload.enrol' | 'workload.renew'>,
    answer: () => Promise<T>,
  ): Promise<T> {
    try {
      return await answer();
    } catch (error) {
      if (isProblemError(error) && error.status < 500) {
        const { store, audit } = this.#options;
        await audit.record(store, {
          act: action.act,
          who: caller.id,
          factor: caller.factor,
          listener: caller.listener,
          cb: caller.binding,
          obj: 'wl',
          outcome: 'refused',
          reason: error.reason ?? error.code,
          req: caller.requestId,
        });
      }
      throw error;
    }
  }
}

/** An agent signs and serves TLS with one key, which certificates are made for. */
function requireAgentKey(
  { sig, exp }: { readonly sig: VerifyingKey; readonly exp?: number },
  nowSeconds: number,
): void {
  if (sig.kind !== 'P-256') throw new ProblemError('bad_key', { reason: 'key_kind', detail: 'The key is not P-256' });
  if (exp !== undefined && exp <= nowSeconds) {
    throw new ProblemError('bad_key', { reason: 'keyset_expired', detail: 'The keyset has expired' });
  }
}

function denied(reason: string): ProblemError {
  return new ProblemError('denied', { reason });
}

/** To be asked again: what the kubelet has reported may be old. */
function settling(reason: string): ProblemError {
  return new ProblemError('unavailable', { reason });
}

function serviceFacts(act: AuditAct, obj: string): AuditFacts {
  return {
    act,
    who: 'service',
    factor: 'service',
    listener: 'none',
    cb: 'none',
    obj,
    outcome: 'ok',
    reason: 'ok',
    req: 'watch',
  };
}
