/**
 * Sweeps what has expired, page by page, while the service is unsealed, and tells of damaged records at once.
 * It must never hold up requests for longer than one page takes.
 * @module
 */
import type { Installation } from '@letterlock/core';
import type { Logger } from 'pino';
import { repeat } from './background.ts';
import type { UnsealedServices } from './http/ports.ts';
import type { Metrics } from './metrics.ts';

/** Pause after the last page of the store. */
const sweepEveryMilliseconds = 2000;
/** Pause after any other page. */
const sweepNextPageMilliseconds = 200;
/** Records of one page: some 3 ms in which nothing else runs. */
const sweepLimit = 100;

/** @returns what stops it */
export function runSweeper(o: {
  /** Undefined while sealed. */
  readonly unsealed: () => UnsealedServices | undefined;
  readonly installation: Pick<Installation, 'sweepPeerGrants'>;
  readonly metrics: Pick<Metrics, 'swept' | 'secretsExpired' | 'recordsDamaged' | 'sweepFailed'>;
  readonly log: Logger;
}): () => Promise<void> {
  const { metrics, log } = o;
  let ledgerAfter: string | undefined;
  let peersAfter: string | undefined;
  return repeat({
    everyMilliseconds: sweepEveryMilliseconds,
    run: async (signal) => {
      const unsealed = o.unsealed();
      return unsealed === undefined ? undefined : sweep(unsealed, signal);
    },
    onError: (error) => {
      metrics.sweepFailed();
      log.error({ error }, 'Sweeper failed');
    },
  });

  /** One page of wraps, of secrets, of applied operations and of granted peers. @returns the pause until the next */
  async function sweep({ wraps, secrets, ledger }: UnsealedServices, signal: AbortSignal): Promise<number | undefined> {
    const report = await wraps.sweep({ limit: sweepLimit, signal });
    for (const transition of ['burned', 'expired', 'purged'] as const) metrics.swept(transition, report[transition]);
    foundDamaged('wraps', report.damaged);
    const versions = await secrets.sweep({ limit: sweepLimit, signal });
    metrics.secretsExpired(versions.expired);
    foundDamaged('secrets', versions.damaged);
    const page = await ledger.sweep({
      limit: sweepLimit,
      ...(ledgerAfter === undefined ? {} : { after: ledgerAfter }),
    });
    ledgerAfter = page.after;
    foundDamaged('operations', page.damaged);
    const peers = await o.installation.sweepPeerGrants({
      limit: sweepLimit,
      ...(peersAfter === undefined ? {} : { after: peersAfter }),
    });
    peersAfter = peers.after;
    foundDamaged('peers', peers.damaged);
    const isPassComplete =
      report.isPassComplete && versions.isPassComplete && (ledgerAfter ?? peersAfter) === undefined;
    return isPassComplete ? undefined : sweepNextPageMilliseconds;
  }

  /** Told at once: the next page may be one that the store does not give. */
  function foundDamaged(among: string, damaged: number): void {
    metrics.recordsDamaged('sweeper', damaged);
    if (damaged > 0) log.error({ among, damaged }, 'Found damaged records');
  }
}
