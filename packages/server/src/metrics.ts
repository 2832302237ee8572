/**
 * The Prometheus metrics of the process; each label has a fixed set of values.
 * It must never have a label that a client can choose.
 * @module
 */
import { serviceStates, type RouteName, type ServiceState } from '@letterlock/protocol';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { HttpMetrics } from './http/ports.ts';

/** Read when Prometheus asks. */
export interface MetricSources {
  readonly state: () => ServiceState;
  /** Keys in the store; undefined where counting them is not cheap. */
  readonly storeKeys: () => number | undefined;
}

export const sweptKinds = ['burned', 'expired', 'purged'] as const;
export type SweptKind = (typeof sweptKinds)[number];

/** Seconds; from a cached read to a request that waits for a slow store. */
const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10];

export interface Metrics extends HttpMetrics {
  swept(kind: SweptKind, count: number): void;
  sweepFailed(): void;
  certificateReloaded(outcome: 'ok' | 'failed'): void;
  contentType: string;
  text(): Promise<string>;
}

/** Makes the metrics of one process in a registry of their own. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'letterlock_http_requests_total',
    help: 'Answered requests of the API, by route and status',
    labelNames: ['route', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'letterlock_http_request_duration_seconds',
    help: 'Time from the head of a request to its answer, by route',
    labelNames: ['route'],
    buckets: durationBuckets,
    registers,
  });
  const failedProofs = counter('letterlock_failed_proofs_total', 'Requests whose proof was not valid');
  const refusedConnections = counter(
    'letterlock_unparsable_requests_total',
    'Requests that are not HTTP or came too slowly',
  );
  const auditRecords = counter(
    'letterlock_audit_records_total',
    'Audit records of refusals and reads stored by the listener',
  );
  const sweepFailures = counter('letterlock_sweep_failures_total', 'Runs of the sweeper that failed');
  const swept = new Counter({
    name: 'letterlock_swept_wraps_total',
    help: 'Wraps that the sweeper ended, by what became of them',
    labelNames: ['transition'],
    registers,
  });
  const reloads = new Counter({
    name: 'letterlock_certificate_reloads_total',
    help: 'Reloads of the certificate files, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  registry.registerMetric(
    new Gauge({
      name: 'letterlock_seal_state',
      help: '1 for the state that the service is in',
      labelNames: ['state'],
      registers: [],
      collect() {
        const current = sources.state();
        for (const state of serviceStates) this.set({ state }, state === current ? 1 : 0);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'letterlock_store_keys',
      help: 'Keys in the store',
      registers: [],
      collect() {
        const keys = sources.storeKeys();
        if (keys !== undefined) this.set(keys);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'process_resident_memory_bytes',
      help: 'Resident memory',
      registers: [],
      collect() {
        this.set(process.memoryUsage.rss());
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'process_cpu_seconds_total',
      help: 'User and system CPU time',
      registers: [],
      collect() {
        const { user, system } = process.cpuUsage();
        this.set((user + system) / 1e6);
      },
    }),
  );

  // Resolving labels costs more than counting, so each pair is resolved once.
  const requestsOf = new Map<string, Counter.Internal>();
  const durationsOf = new Map<string, Histogram.Internal<'route'>>();

  return {
    answered(route: RouteName | 'none', status, seconds) {
      const key = `${route} ${status}`;
      let count = requestsOf.get(key);
      if (count === undefined) {
        count = requests.labels(route, String(status));
        requestsOf.set(key, count);
      }
      count.inc();
      let duration = durationsOf.get(route);
      if (duration === undefined) {
        duration = durations.labels(route);
        durationsOf.set(route, duration);
      }
      duration.observe(seconds);
    },
    proofFailed: () => failedProofs.inc(),
    connectionRefused: () => refusedConnections.inc(),
    auditRecorded: () => auditRecords.inc(),
    swept: (kind, count) => swept.inc({ transition: kind }, count),
    sweepFailed: () => sweepFailures.inc(),
    certificateReloaded: (outcome) => reloads.inc({ outcome }),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };

  function counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers });
  }
}
