/**
 * Applies the configured identities and grants after an initialisation, and goes on with them after a crash.
 * It must never apply them twice at the same time, nor give up because the store did not answer.
 * @module
 */
import { applyInitial, type Installation, type Store } from '@letterlock/core';
import type { Logger } from 'pino';
import { repeat } from './background.ts';
import type { Config } from './config.ts';
import type { UnsealedServices } from './http/ports.ts';

export interface InitialStateOptions {
  readonly config: Pick<Config, 'identities' | 'grants'>;
  readonly installation: Installation;
  readonly store: Store;
  readonly log: Logger;
  readonly unsealed: () => UnsealedServices | undefined;
}

export interface RunningInitialState {
  /** Applies what is still to be applied; a call during another one is the same call. @throws what applyInitial throws */
  readonly apply: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const retryMilliseconds = 2000;

/** Begins with the first unseal of the process, which must have been composed before. */
export function runInitialState(o: InitialStateOptions): RunningInitialState {
  const { config, installation, store, log } = o;
  let isDone = false;
  let isReported = false;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    const services = o.unsealed();
    const barrier = installation.unsealed?.barrier;
    if (isDone || services === undefined || barrier === undefined) return;
    const { identities, grants } = services;
    const wasOpen = await applyInitial(config, { store, barrier, identities, grants });
    isDone = true;
    if (wasOpen) log.info('Applied the configured identities and grants');
  };
  const apply = (): Promise<void> => {
    running ??= run().finally(() => (running = undefined));
    return running;
  };
  const report = (error: unknown): void => {
    if (!isReported) log.error({ error }, 'Could not apply the configured identities and grants');
    isReported = true;
  };
  installation.onUnsealed(() => void apply().catch(report));
  const stop = repeat({
    everyMilliseconds: retryMilliseconds,
    run: async () => {
      await apply();
      return undefined;
    },
    onError: report,
  });
  return {
    apply: () =>
      apply().catch((error: unknown) => {
        report(error);
        throw error;
      }),
    stop,
  };
}
