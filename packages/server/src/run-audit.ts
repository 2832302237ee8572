/**
 * Runs the audit trail of a process: sinks are fed, open outcomes are settled every second, a checkpoint is written every minute,
 * at a seal and at the end. It must never be waited for by a request, nor keep the instance key longer than a last checkpoint takes.
 * @module
 */
import {
  Checkpoints,
  LeftRecords,
  type AuditLine,
  type AuditPlace,
  type Clock,
  type Installation,
  type Store,
} from '@letterlock/core';
import type { Logger } from 'pino';
import { repeat } from './background.ts';
import type { LineWriter } from './audit/line-writer.ts';
import { SinkQueue, type SinkFacts } from './audit/sink-queue.ts';

export interface RunAuditOptions {
  readonly installation: Installation;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly writers: readonly LineWriter[];
  /** Default 60 s. */
  readonly checkpointMilliseconds?: number;
}

export interface RunningAudit {
  readonly sinks: () => readonly SinkFacts[];
  /** Number of the last checkpoint in the chain that this process saw. */
  readonly lastCheckpoint: () => number;
  /** Whether the last try to write a checkpoint found the chain changed or gone backwards. */
  readonly isChainBroken: () => boolean;
  /** Writes the last checkpoint and what waits for sinks; for at most some seconds. */
  close(): Promise<void>;
}

const checkpointMilliseconds = 60_000;
const settleMilliseconds = 1000;
const settledAtOnce = 256;
/** A checkpoint waits so long for the sinks, so that what it covers is rarely missing there after a crash. */
const flushMilliseconds = 3000;
const callMilliseconds = 2000;

export function runAudit(options: RunAuditOptions): RunningAudit {
  const { installation, store, clock, log } = options;
  const trail = installation.audit;
  const signal = (): AbortSignal => AbortSignal.timeout(callMilliseconds);
  const reread = async (place: AuditPlace): Promise<string | undefined> => {
    if ('checkpoint' in place) return checkpoints.lineOf(place.checkpoint, { signal: signal() });
    const bytes = await trail.read(store, place.seq, { signal: signal() }, 'of' in place ? place.of : trail.replica);
    return bytes === undefined ? undefined : textOf(bytes);
  };
  const queues = options.writers.map(
    (writer) =>
      new SinkQueue({
        writer,
        reread,
        onError: (error) => log.error({ error, sink: writer.kind }, 'An audit sink did not take a batch'),
      }),
  );
  const sink = {
    take: (line: AuditLine): void => {
      for (const queue of queues) queue.take(line);
    },
  };
  const checkpoints = new Checkpoints({ store, trail, clock, sink });
  const flush = async (): Promise<void> => {
    await Promise.all(queues.map((queue) => queue.flush(flushMilliseconds)));
  };
  const left = new LeftRecords({ store, trail, checkpoints, clock, sink, flush });
  let isChainBroken = false;
  if (queues.length > 0) trail.settled.onRecord(({ seq, bytes }) => sink.take({ place: { seq }, text: textOf(bytes) }));
  const wrote = (): void => {
    isChainBroken = false;
  };
  const failed = (error: unknown): void => {
    isChainBroken = (error as { readonly code?: unknown }).code === 'internal';
    log.error({ error }, 'Could not write a checkpoint');
  };

  installation.onUnsealed(({ instanceKey }) => checkpoints.use(instanceKey));
  installation.onSealed(() => void checkpoints.finish({ signal: signal() }).then(wrote, failed));
  const stopTasks = [
    repeat({
      everyMilliseconds: settleMilliseconds,
      run: async () => {
        if (installation.state === 'unsealed') {
          await trail.settleOpen(store, { limit: settledAtOnce, signal: signal() });
        }
        return undefined;
      },
      onError: (error) => log.error({ error }, 'Could not settle audit records without an answer'),
    }),
    repeat({
      everyMilliseconds: options.checkpointMilliseconds ?? checkpointMilliseconds,
      run: async () => {
        if (installation.state !== 'unsealed') return undefined;
        await flush();
        await checkpoints.write({ signal: signal() });
        wrote();
        return undefined;
      },
      onError: failed,
    }),
    repeat({
      everyMilliseconds: options.checkpointMilliseconds ?? checkpointMilliseconds,
      run: async () => {
        if (installation.state !== 'unsealed') return undefined;
        const covered = await left.cover();
        if (covered.length > 0) log.info({ replicas: covered }, 'Covered the last records of replicas that ended');
        return undefined;
      },
      onError: (error) => log.error({ error }, 'Could not cover the last records of a replica that ended'),
    }),
  ];

  return {
    sinks: () => queues.map(({ facts }) => facts),
    lastCheckpoint: () => checkpoints.last,
    isChainBroken: () => isChainBroken,
    close: async () => {
      await Promise.all(stopTasks.map((stop) => stop()));
      if (installation.state === 'unsealed') {
        await trail.settleOpen(store, { limit: settledAtOnce, signal: signal() }).catch(() => undefined);
      }
      await checkpoints.finish({ signal: signal() }).then(wrote, failed);
      await checkpoints.leave({ signal: signal() }).catch(() => undefined);
      const unwritten = await Promise.all(queues.map((queue) => queue.close(flushMilliseconds)));
      for (const [index, lines] of unwritten.entries()) {
        const { kind } = options.writers[index]!;
        if (lines > 0)
          log.error({ sink: kind, lines }, 'Stopped before a sink took all lines; the store has the records');
      }
    },
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
