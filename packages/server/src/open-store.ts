/**
 * Opens the configured store, with what follows from its kind: whether it outlives the process, and what keeps it in order.
 * It must never open two, nor reach etcd without a client certificate.
 * @module
 */
import { MemoryStore, type Clock, type Entry, type Store } from '@letterlock/core';
import { lifetimes } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { repeat } from './background.ts';
import type { EtcdConfig, StoreConfig } from './config.ts';
import { EtcdMaintenance } from './etcd/etcd-maintenance.ts';
import { EtcdStore } from './etcd/etcd-store.ts';
import { endOfCertificate, readAuthorities, readTlsFiles } from './tls-files.ts';

export interface OpenedStore {
  readonly store: Store;
  /** It ends with the process, so the service initialises itself. */
  readonly isTransient: boolean;
  /** How long a tombstone outlives its wrap. */
  readonly tombstoneSeconds: number;
  /** When the client certificate ends, Unix time; undefined without one. */
  readonly certificateEndSeconds: number | undefined;
  /** Keys; undefined where counting them is not cheap. */
  readonly size: () => number | undefined;
  /** All entries in memory. @throws TypeError for a durable store: etcd's own tools read it */
  readonly dump: () => Iterable<Entry>;
  readonly close: () => Promise<void>;
}

const maintainEveryMilliseconds = 60_000;

/** @throws ConfigError for certificate files that cannot be used */
export function openStore(config: StoreConfig, { clock, log }: { clock: Clock; log: Logger }): OpenedStore {
  return config.etcd === undefined ? openMemory() : openEtcd(config.etcd, clock, log);
}

function openMemory(): OpenedStore {
  const store = new MemoryStore();
  return {
    store,
    isTransient: true,
    tombstoneSeconds: lifetimes.tombstoneInMemory,
    certificateEndSeconds: undefined,
    size: () => store.size,
    dump: () => store.dump(),
    close: async () => {},
  };
}

function openEtcd({ endpoints, prefix, caFile, ...files }: EtcdConfig, clock: Clock, log: Logger): OpenedStore {
  const ca = readAuthorities(caFile, 'store.etcd.caFile');
  const credentials = { ca, ...readTlsFiles(files, clock.nowSeconds(), 'store.etcd') };
  const store = new EtcdStore({ endpoints, credentials, prefix });
  const maintenance = new EtcdMaintenance({ members: store.members, choice: store.choice, clock, prefix });
  const stop = repeat({
    everyMilliseconds: maintainEveryMilliseconds,
    run: (signal) => untilAborted(maintain(maintenance, log), signal),
    onError: (error) => log.error({ error }, 'Maintenance of etcd failed'),
  });
  return {
    store,
    isTransient: false,
    tombstoneSeconds: lifetimes.tombstoneDurable,
    certificateEndSeconds: endOfCertificate(credentials.certificate),
    size: () => undefined,
    dump: () => {
      throw new TypeError('Cannot dump the store: it is not in this process');
    },
    close: async () => {
      await stop();
      store.close();
    },
  };
}

async function maintain(maintenance: EtcdMaintenance, log: Logger): Promise<undefined> {
  const { alarms, failed, ...done } = await maintenance.run();
  if (alarms.length > 0) log.error({ alarms, ...done }, 'etcd has raised an alarm');
  if (failed.length > 0) log.warn({ failed }, 'Members of etcd failed');
  if (done.defragmented.length > 0) log.info(done, 'Defragmented etcd');
  else log.debug(done, 'Maintained etcd');
  return undefined;
}

/** A defragmentation cannot be called back; a process that stops does not wait for it. */
function untilAborted(work: Promise<undefined>, signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => resolve(undefined), { once: true });
  return Promise.race([work, promise]);
}
