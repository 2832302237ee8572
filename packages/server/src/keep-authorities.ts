/**
 * The life of the workload authorities in this process: opened after the unseal, advanced every minute or oftener, dropped at the seal.
 * It must never keep the keys of a period that has ended.
 * @module
 */
import {
  lookEverySeconds,
  WorkloadAuthorities,
  type Clock,
  type Installation,
  type RotationTimes,
  type Store,
  type Unsealed,
} from '@letterlock/core';
import type { Logger } from 'pino';
import { repeat } from './background.ts';

export interface KeepAuthoritiesOptions {
  readonly installation: Installation;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly trustDomain: string;
  readonly times: RotationTimes;
  /** After each look while they are there, and with undefined at the seal. */
  readonly looked: (authorities: WorkloadAuthorities | undefined) => Promise<void> | void;
}

/** A first attempt failed with the store, which may be back in a moment. */
const openEveryMilliseconds = 1000;

/** Starts keeping. `stop` ends it and drops the keys. */
export function keepAuthorities(o: KeepAuthoritiesOptions): {
  readonly current: () => WorkloadAuthorities | undefined;
  readonly stop: () => Promise<void>;
} {
  const { installation, store, clock, log, trustDomain, times, looked } = o;
  const advanceEveryMilliseconds = lookEverySeconds(times) * 1000;
  let keys: Unsealed | undefined;
  let authorities: WorkloadAuthorities | undefined;
  let opening: Promise<void> | undefined;

  const openNow = async (of: Unsealed): Promise<void> => {
    const { barrier, audit, instanceKey } = of;
    const found = await WorkloadAuthorities.open({ store, barrier, audit, clock, trustDomain, instanceKey, times });
    // Sealed meanwhile: these belong to nobody.
    if (keys !== of) {
      found[Symbol.dispose]();
      return;
    }
    authorities = found;
    log.info({ seq: found.seq }, 'Opened the authorities of workload certificates');
    await looked(found);
  };
  const open = (of: Unsealed): Promise<void> => {
    opening ??= openNow(of).finally(() => (opening = undefined));
    return opening;
  };

  installation.onUnsealed((of) => {
    keys = of;
    open(of).catch((error: unknown) => log.warn({ error }, 'Could not open the authorities yet'));
  });
  installation.onSealed(() => {
    keys = undefined;
    drop();
  });

  const stopRepeating = repeat({
    everyMilliseconds: openEveryMilliseconds,
    run: async () => {
      if (keys === undefined) return undefined;
      if (authorities === undefined) {
        await open(keys);
        return undefined;
      }
      const step = await authorities.advance();
      if (step !== undefined) log.warn({ step, seq: authorities.seq }, 'Rotated the authorities');
      await looked(authorities);
      // After a long seal several steps are due.
      return step === undefined ? advanceEveryMilliseconds : undefined;
    },
    onError: (error) => log.error({ error }, 'Could not look after the authorities'),
  });

  return {
    current: () => authorities,
    stop: async () => {
      await stopRepeating();
      await opening?.catch(() => undefined);
      keys = undefined;
      drop();
    },
  };

  function drop(): void {
    authorities?.[Symbol.dispose]();
    authorities = undefined;
    void looked(undefined);
  }
}
