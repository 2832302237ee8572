/**
 * Kills the process of one operation at each of its store calls, lets a new process finish it, and holds what is stored
 * against what was recorded. It must never believe what a process was told: only the store counts.
 * @module
 */
import { parseCanonical } from '@letterlock/protocol';
import type { AuditRecord } from '../../audit/record.ts';
import type { Barrier } from '../barrier.ts';
import type { Store } from '../store.ts';
import { CrashingStore, killed } from './crashing-store.ts';
import { JournalStore, type JournalEntry } from './journal-store.ts';

/** One life of the service. */
export interface CrashProcess {
  readonly replica: string;
  readonly lastSeq: () => number;
  /** From the start to the end of the operation; the same operation in every process. */
  readonly run: () => Promise<unknown>;
}

/** What an operation needs, prepared without any crash. */
export interface CrashScene {
  /** A process of its own. @param name - 11 characters, its replica id where the process does not choose one */
  readonly start: (store: Store, name: string) => CrashProcess;
  /** For reading audit records; asked after the last process has run through. */
  readonly barrier: () => Barrier;
  readonly isChange: (entry: JournalEntry) => boolean;
  /** Acts whose records stand for such changes. */
  readonly acts: readonly AuditRecord['act'][];
  /** Fails when something is stored by halves; asked after every crash and at the end. */
  readonly expectWhole: () => Promise<void>;
  /** Fails unless the operation has happened, and for its owner alone; asked at the end. */
  readonly expectDone: () => Promise<void>;
}

export interface KillTally {
  readonly kills: number;
  readonly changes: number;
  readonly records: number;
  /** Changes that no record stands for. */
  readonly missing: number;
}

/** @param prepare - makes the scene over a store of its own */
export async function killEverywhere(
  prepare: (journal: JournalStore) => Promise<CrashScene>,
  openStore: () => Store,
): Promise<KillTally> {
  let tally: KillTally = { kills: 0, changes: 0, records: 0, missing: 0 };
  for (const when of ['before', 'after'] as const) {
    for (let call = 0, isThrough = false; !isThrough; call += 1) {
      const journal = new JournalStore(openStore());
      const scene = await prepare(journal);
      journal.journal.length = 0;
      const crashing = new CrashingStore(journal, { call, when });
      const processes = [scene.start(crashing, 'FIRSTAAAAAA')];
      isThrough = (await crashing.run(processes[0]!.run)) !== killed;
      await scene.expectWhole();
      if (!isThrough) {
        processes.push(scene.start(journal, 'SECONDAAAAA'));
        await processes[1]!.run();
        await scene.expectWhole();
      }
      await scene.expectDone();
      const records = (await recordsOf(journal, scene.barrier(), processes)).filter(
        ({ act, outcome }) => outcome === 'ok' && scene.acts.includes(act),
      ).length;
      const changes = journal.journal.filter(scene.isChange).length;
      tally = {
        kills: tally.kills + (isThrough ? 0 : 1),
        changes: tally.changes + changes,
        records: tally.records + records,
        missing: tally.missing + Math.max(0, changes - records),
      };
    }
  }
  return tally;
}

/** `state changes = audit records, 0 missing` with its counts. */
export function tallyLine(name: string, { kills, changes, records, missing }: KillTally): string {
  const sign = changes === records ? '=' : '!=';
  return `${name}: killed ${kills} times, ${changes} state changes ${sign} ${records} audit records, ${missing} missing`;
}

async function recordsOf(
  store: Store,
  barrier: Barrier,
  processes: readonly CrashProcess[],
): Promise<readonly AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (const { replica, lastSeq } of processes) {
    for (let seq = 1; seq <= lastSeq(); seq += 1) {
      const path = `au/${replica}/${seq}`;
      const [entry] = (await store.range({ key: barrier.keyOf(path) })).entries;
      if (entry !== undefined) records.push(parseCanonical(barrier.open(path, entry.value)) as unknown as AuditRecord);
    }
  }
  return records;
}
