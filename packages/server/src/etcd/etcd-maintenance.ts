/**
 * Keeps etcd small: forgets old revisions, gives free pages back, and lifts the alarm of a full database once there is room.
 * It must never touch a record of the store port, nor defragment two members at a time.
 * @module
 */
import type { Clock } from '@letterlock/core';
import { failureOf } from './etcd-errors.ts';
import { readRevision } from './etcd-answer.ts';
import type { EtcdMember, MemberStatus } from './etcd-member.ts';
import type { MemberChoice } from './member-choice.ts';

/** Revisions younger than this are kept: a reader that follows changes may be that far behind. @source protocol.md §9.6 */
const retentionSeconds = 300;
const weekSeconds = 604_800;
/** Time between two defragmentations for a bad ratio: longer than any takes, so that it stands for a lock. */
const hourSeconds = 3600;
/** Below this size nothing is gained. */
const smallDatabaseBytes = 67_108_864;
/** Part of the file in use below which rewriting it pays. */
const goodRatio = 0.5;

export interface MaintenanceOptions {
  readonly members: readonly EtcdMember[];
  readonly choice: MemberChoice;
  readonly clock: Clock;
  /** That of the store. */
  readonly prefix: string;
}

/** What one run found and did. */
export interface MaintenanceReport {
  readonly compactedTo: number | undefined;
  /** Endpoints that were defragmented. */
  readonly defragmented: readonly string[];
  /** Kinds of alarms that were found, and how many were lifted. */
  readonly alarms: readonly string[];
  readonly disarmed: number;
  /** Of the largest member. */
  readonly databaseBytes: number;
  readonly usedBytes: number;
  /** Endpoints that did not answer, or failed at what they were asked. */
  readonly failed: readonly string[];
}

interface Measured {
  readonly member: EtcdMember;
  readonly index: number;
  readonly databaseBytes: number;
  readonly usedBytes: number;
}

/**
 * Every replica runs one. Forgetting a revision twice is harmless; a turn at defragmenting is taken by one compare-and-swap on a
 * record of its own, and stands for longer than the work lasts.
 */
export class EtcdMaintenance {
  readonly #o: MaintenanceOptions;
  /** Revisions seen, oldest first. */
  #seen: { readonly atSeconds: number; readonly revision: number }[] = [];
  #compactedTo = 0;
  #repairedAtSeconds: number | undefined;

  constructor(options: MaintenanceOptions) {
    this.#o = options;
  }

  /** One run; meant for once a minute. @throws never for a member that does not answer: that is in the report */
  async run(): Promise<MaintenanceReport> {
    const failed = new Set<string>();
    const measured = await this.#measure(failed);
    const alarms = await this.#alarms(failed);
    const isFull = alarms.some(({ alarm }) => alarm === 'Nospace');
    const newest = Math.max(0, ...measured.map(({ revision }) => revision));
    const compactedTo = await this.#compact(newest, isFull, failed);
    const due = isFull ? this.#dueForRepair(measured) : await this.#dueForTurn(measured, failed);
    const defragmented = await this.#defragment(due, failed);
    let disarmed = 0;
    if (isFull && defragmented.length > 0) {
      for (const alarm of alarms.filter(({ alarm: kind }) => kind === 'Nospace')) {
        // If it is still full the next write raises it again.
        const isLifted = await this.#try(failed, (member) => member.disarm(alarm));
        if (isLifted) disarmed += 1;
      }
    }
    return {
      compactedTo,
      defragmented,
      alarms: [...new Set(alarms.map(({ alarm }) => alarm))],
      disarmed,
      databaseBytes: Math.max(0, ...measured.map(({ databaseBytes }) => databaseBytes)),
      usedBytes: Math.max(0, ...measured.map(({ usedBytes }) => usedBytes)),
      failed: [...failed],
    };
  }

  async #measure(failed: Set<string>): Promise<readonly (Measured & { readonly revision: number })[]> {
    const measured: (Measured & { readonly revision: number })[] = [];
    for (const [index, member] of this.#o.members.entries()) {
      let status: MemberStatus;
      try {
        status = await member.status();
      } catch {
        failed.add(member.endpoint);
        continue;
      }
      measured.push({
        member,
        index,
        revision: readRevision(status.revision),
        databaseBytes: readRevision(status.databaseBytes),
        usedBytes: readRevision(status.usedBytes),
      });
    }
    return measured;
  }

  async #alarms(failed: Set<string>): Promise<Awaited<ReturnType<EtcdMember['alarms']>>> {
    let alarms: Awaited<ReturnType<EtcdMember['alarms']>> = [];
    await this.#try(failed, async (member) => {
      alarms = await member.alarms();
    });
    return alarms;
  }

  /** While the database is full nothing old is kept: nobody can follow changes that cannot be made. */
  async #compact(newest: number, isFull: boolean, failed: Set<string>): Promise<number | undefined> {
    const nowSeconds = this.#o.clock.monotonicSeconds();
    this.#seen.push({ atSeconds: nowSeconds, revision: newest });
    const old = this.#seen.filter(({ atSeconds }) => nowSeconds - atSeconds >= retentionSeconds);
    this.#seen = this.#seen.slice(Math.max(0, old.length - 1));
    const target = isFull ? newest : (old.at(-1)?.revision ?? 0);
    if (target <= this.#compactedTo) return undefined;
    const isDone = await this.#try(failed, async (member) => {
      try {
        await member.compact(target);
      } catch (error) {
        // Another replica was here before.
        if (failureOf(error).problem.reason !== 'store_compacted') throw error;
      }
    });
    if (!isDone) return undefined;
    this.#compactedTo = target;
    return target;
  }

  /** No turn can be taken while nothing can be written; every replica tries, each of them seldom. */
  #dueForRepair(measured: readonly Measured[]): readonly Measured[] {
    const nowSeconds = this.#o.clock.monotonicSeconds();
    if (this.#repairedAtSeconds !== undefined && nowSeconds - this.#repairedAtSeconds < retentionSeconds) return [];
    this.#repairedAtSeconds = nowSeconds;
    return measured;
  }

  async #dueForTurn(measured: readonly Measured[], failed: Set<string>): Promise<readonly Measured[]> {
    const wasteful = measured.filter(
      ({ databaseBytes, usedBytes }) => databaseBytes >= smallDatabaseBytes && usedBytes < databaseBytes * goodRatio,
    );
    let due: readonly Measured[] = [];
    await this.#try(failed, async (member) => {
      const turn = await this.#readTurn(member);
      const nowSeconds = this.#o.clock.nowSeconds();
      const isFirst = turn.atSeconds === undefined;
      const age = isFirst ? 0 : nowSeconds - turn.atSeconds;
      // A time far ahead was written by a clock that has been put right since.
      const isWeekly = age >= weekSeconds || age < -weekSeconds;
      const chosen = isWeekly ? measured : age >= hourSeconds ? wasteful : [];
      if (!isFirst && chosen.length === 0) return;
      if (await this.#takeTurn(member, turn.revision, nowSeconds)) due = chosen;
    });
    return due;
  }

  get #turnKey(): Buffer {
    return Buffer.from(`${this.#o.prefix}maintenance`, 'latin1');
  }

  async #readTurn(member: EtcdMember): Promise<{ readonly revision: string; readonly atSeconds: number | undefined }> {
    const { kvs } = await member.range({ key: this.#turnKey });
    const [kv] = kvs;
    const atSeconds = Number(kv?.value.toString('latin1') ?? Number.NaN);
    return { revision: kv?.mod_revision ?? '0', atSeconds: Number.isSafeInteger(atSeconds) ? atSeconds : undefined };
  }

  async #takeTurn(member: EtcdMember, revision: string, nowSeconds: number): Promise<boolean> {
    const key = this.#turnKey;
    const { succeeded } = await member.transact({
      compare: [{ key, result: 'Equal', target: 'Mod', mod_revision: revision }],
      success: [{ request_put: { key, value: Buffer.from(String(nowSeconds)) } }],
    });
    return succeeded;
  }

  /** One after the other, each while the others answer for it. */
  async #defragment(due: readonly Measured[], failed: Set<string>): Promise<readonly string[]> {
    const done: string[] = [];
    for (const { member, index } of due) {
      const release = this.#o.choice.avoid(index);
      try {
        await member.defragment();
        done.push(member.endpoint);
      } catch {
        failed.add(member.endpoint);
      } finally {
        release();
      }
    }
    return done;
  }

  /** Asks the member that the store asks. */
  async #try(failed: Set<string>, ask: (member: EtcdMember) => Promise<void>): Promise<boolean> {
    const { members, choice } = this.#o;
    const index = choice.current;
    const member = members[index]!;
    try {
      await ask(member);
      return true;
    } catch (error) {
      failed.add(member.endpoint);
      if (failureOf(error).isMembers) choice.failed(index);
      return false;
    }
  }
}
