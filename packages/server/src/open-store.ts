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
import { EtcdMaintenance, type MaintenanceReport } from './etcd/etcd-maintenance.ts';
import { EtcdStore } from './etcd/etcd-store.ts';
import { endOfCertificate, readAuthorities, readTlsFiles, TlsFiles } from './tls-files.ts';

export interface OpenedStore {
  readonly store: Store;
  /** It ends with the process, so the service initialises itself. */
  readonly isTransient: boolean;
  /** How long a tombstone outlives its wrap. */
  readonly tombstoneSeconds: number;
  /** When the client certificate ends, Unix time; undefined without one. */
  readonly certificateEndSeconds: () => number | undefined;
  /** How full the store is, as of the last minute; undefined before that, and for a store without a limit. */
  readonly space: () => StoreSpace | undefined;
  /** Keys; undefined where counting them is not cheap. */
  readonly size: () => number | undefined;
  /** All entries in memory. @throws TypeError for a durable store: etcd's own tools read it */
  readonly dump: () => Iterable<Entry>;
  readonly close: () => Promise<void>;
}

/** Of the largest member. */
export interface StoreSpace {
  /** Size of the file, which is what the quota is about. */
  readonly databaseBytes: number;
  /** What a defragmentation would leave. */
  readonly usedBytes: number;
  readonly quotaBytes: number;
  /** Nothing can be written until there is room again. */
  readonly isFull: boolean;
}

export interface OpenStoreOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How often the files of the client certificate are looked at. Default 10 s. */
  readonly certificateCheckMilliseconds?: number | undefined;
}

const maintainEveryMilliseconds = 60_000;
const certificateCheckMilliseconds = 10_000;

/** @throws ConfigError for certificate files that cannot be used */
export function openStore(config: StoreConfig, options: OpenStoreOptions): OpenedStore {
  return config.etcd === undefined ? openMemory() : openEtcd(config.etcd, options);
}

function openMemory(): OpenedStore {
  const store = new MemoryStore();
  return {
    store,
    isTransient: true,
    tombstoneSeconds: lifetimes.tombstoneInMemory,
    certificateEndSeconds: () => undefined,
    space: () => undefined,
    size: () => store.size,
    dump: () => store.dump(),
    close: async () => {},
  };
}

function openEtcd(config: EtcdConfig, { clock, log, ...options }: OpenStoreOptions): OpenedStore {
  const { endpoints, prefix, caFile, quotaBytes, ...files } = config;
  const at = 'store.etcd';
  const readCa = (): string => readAuthorities(caFile, `${at}.caFile`);
  const watched = new TlsFiles(files, { at, others: [caFile] });
  let credentials = { ca: readCa(), ...readTlsFiles(files, clock.nowSeconds(), at) };
  let space: StoreSpace | undefined;
  const store = new EtcdStore({ endpoints, credentials, prefix });
  const maintenance = new EtcdMaintenance({ members: store.members, choice: store.choice, clock, prefix });
  const stops = [
    repeat({
      everyMilliseconds: maintainEveryMilliseconds,
      run: (signal) =>
        untilAborted(
          maintain(maintenance, log).then((report) => {
            space = spaceOf(report, quotaBytes) ?? space;
            return undefined;
          }),
          signal,
        ),
      onError: (error) => log.error({ error }, 'Maintenance of etcd failed'),
    }),
    repeat({
      everyMilliseconds: options.certificateCheckMilliseconds ?? certificateCheckMilliseconds,
      run: async () => {
        const changed = watched.changed(clock.nowSeconds());
        if (changed === undefined) return undefined;
        credentials = { ca: readCa(), ...changed };
        store.renew(credentials);
        log.info('Reloaded the client certificate for etcd');
        return undefined;
      },
      onError: (error) =>
        log.error({ error }, 'Kept the old client certificate for etcd: the new files cannot be used'),
    }),
  ];
  return {
    store,
    isTransient: false,
    tombstoneSeconds: lifetimes.tombstoneDurable,
    certificateEndSeconds: () => endOfCertificate(credentials.certificate),
    space: () => space,
    size: () => undefined,
    dump: () => {
      throw new TypeError('Cannot dump the store: it is not in this process');
    },
    close: async () => {
      await Promise.all(stops.map((stop) => stop()));
      store.close();
    },
  };
}

async function maintain(maintenance: EtcdMaintenance, log: Logger): Promise<MaintenanceReport> {
  const report = await maintenance.run();
  const { alarms, failed, ...done } = report;
  if (alarms.length > 0) log.error({ alarms, ...done }, 'etcd has raised an alarm');
  if (failed.length > 0) log.warn({ failed }, 'Members of etcd failed');
  if (done.defragmented.length > 0) log.info(done, 'Defragmented etcd');
  else log.debug(done, 'Maintained etcd');
  return report;
}

/** @returns undefined when no member could be measured */
export function spaceOf(
  { databaseBytes, usedBytes, alarms, disarmed }: MaintenanceReport,
  quotaBytes: number,
): StoreSpace | undefined {
  if (databaseBytes === 0) return undefined;
  return { databaseBytes, usedBytes, quotaBytes, isFull: alarms.includes('Nospace') && disarmed === 0 };
}

/** A defragmentation cannot be called back; a process that stops does not wait for it. */
function untilAborted(work: Promise<undefined>, signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => resolve(undefined), { once: true });
  return Promise.race([work, promise]);
}
