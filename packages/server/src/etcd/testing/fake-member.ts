/**
 * A member of an etcd cluster in memory, for tests of what is decided about members.
 * It must never stand for etcd in a test of the store: that is what the real one is for.
 * @module
 */
import type { IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse } from 'etcd3';
import type { EtcdMember, MemberStatus } from '../etcd-member.ts';

/** What members of one cluster share. */
export class FakeCluster {
  revision = 1;
  compactedTo = 0;
  alarms: { readonly memberID: string; readonly alarm: string }[] = [];
  /** The one record that maintenance keeps. */
  turn: { readonly value: Buffer; readonly revision: number } | undefined;
}

export class FakeMember implements EtcdMember {
  readonly endpoint: string;
  readonly #cluster: FakeCluster;
  databaseBytes = 1000;
  usedBytes = 1000;
  isAway = false;
  isClosed = false;
  readonly calls: string[] = [];

  constructor(endpoint: string, cluster: FakeCluster) {
    this.endpoint = endpoint;
    this.#cluster = cluster;
  }

  async range(_request: IRangeRequest): Promise<IRangeResponse> {
    this.#answer('range');
    const { turn, revision } = this.#cluster;
    const kvs = turn === undefined ? [] : [{ value: turn.value, mod_revision: String(turn.revision) }];
    return { header: { revision: String(revision) }, kvs } as unknown as IRangeResponse;
  }

  async transact({ compare = [], success = [] }: ITxnRequest): Promise<ITxnResponse> {
    this.#answer('transact');
    const cluster = this.#cluster;
    const succeeded = String(cluster.turn?.revision ?? 0) === String(compare[0]?.mod_revision);
    if (succeeded) {
      cluster.revision += 1;
      cluster.turn = { value: success[0]!.request_put!.value!, revision: cluster.revision };
    }
    return { header: { revision: String(cluster.revision) }, succeeded, responses: [] } as unknown as ITxnResponse;
  }

  async compact(revision: number): Promise<void> {
    this.#answer(`compact ${revision}`);
    if (revision <= this.#cluster.compactedTo) {
      throw new Error('11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted');
    }
    this.#cluster.compactedTo = revision;
  }

  async status(): Promise<MemberStatus> {
    this.#answer('status');
    return {
      revision: String(this.#cluster.revision),
      databaseBytes: String(this.databaseBytes),
      usedBytes: String(this.usedBytes),
    };
  }

  async defragment(): Promise<void> {
    this.#answer('defragment');
    this.databaseBytes = this.usedBytes;
  }

  async alarms(): Promise<readonly { readonly memberID: string; readonly alarm: string }[]> {
    this.#answer('alarms');
    return this.#cluster.alarms;
  }

  async disarm({ memberID }: { readonly memberID: string }): Promise<void> {
    this.#answer('disarm');
    this.#cluster.alarms = this.#cluster.alarms.filter((alarm) => alarm.memberID !== memberID);
  }

  renew(): void {
    this.calls.push('renew');
  }

  close(): void {
    this.isClosed = true;
  }

  #answer(call: string): void {
    if (this.isAway) throw new Error('14 UNAVAILABLE: No connection established');
    this.calls.push(call);
  }
}
