/**
 * The Prometheus metrics of the process; each label has a fixed set of values.
 * It must never have a label that a client can choose.
 * @module
 */
import { serviceStates, type RouteName, type ServiceState } from '@letterlock/protocol';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { storeFailureReasons, type StoreCallMetrics } from './counted-store.ts';
import { damageFinders, wrapTransitions, type HttpMetrics, type WrapTransition } from './http/ports.ts';
import { admissionOutcomes, type AdmissionOutcome } from './http/webhook-listener.ts';
import type { StoreSpace } from './open-store.ts';
import { labelOfReason, unreadyReasons } from './readiness.ts';

/** One audit sink; two of a kind are counted together. */
interface AuditSinkFacts {
  readonly kind: string;
  readonly written: number;
  readonly failures: number;
  readonly waiting: number;
  readonly isFailing: boolean;
}

/** Read when Prometheus asks. */
export interface MetricSources {
  readonly state: () => ServiceState;
  /** Keys in the store; undefined where counting them is not cheap. */
  readonly storeKeys: () => number | undefined;
  readonly auditRecords: () => number;
  /** Audit records whose storing had no answer yet. */
  readonly openAuditOutcomes: () => number;
  /** Audit records that no checkpoint covers yet. */
  readonly uncoveredAuditRecords: () => number;
  /** Number of the last checkpoint that was seen. */
  readonly lastCheckpoint: () => number;
  readonly auditSinks: () => readonly AuditSinkFacts[];
  /** Stored and claimed wraps; undefined while sealed. */
  readonly liveWraps: () => number | undefined;
  /** Versions of secrets that have an envelope; undefined while sealed. */
  readonly liveSecretVersions: () => number | undefined;
  readonly rememberedNonces: () => number;
  /** Pods that ask for an agent and have none; undefined outside Kubernetes. */
  readonly podsLeftOut: () => number | undefined;
  /** Undefined before it was measured, and for a store without a limit. */
  readonly storeSpace: () => StoreSpace | undefined;
  /** What /readyz would say. */
  readonly unreadyReasons: () => Promise<readonly string[]>;
  /** Unix time at which each certificate in use ends, seconds. */
  readonly certificateEnds: () => Readonly<Partial<Record<CertificateUse, number>>>;
}

/** `api`: what the direct listener serves. `store`: what the store asks for. `webhook`: what the webhook's listener serves. */
export type CertificateUse = 'api' | 'store' | 'webhook';

export interface Metrics extends HttpMetrics, StoreCallMetrics {
  swept(transition: WrapTransition, count: number): void;
  secretsExpired(count: number): void;
  sweepFailed(): void;
  /** Somebody has an agent's token. */
  enrolmentAlarmed(): void;
  certificateReloaded(outcome: (typeof reloadOutcomes)[number]): void;
  /** An admission review, or what was none. */
  admissionAnswered(outcome: AdmissionOutcome, seconds: number): void;
  /** A replica was asked to unseal this one. @param outcome - what came of it */
  peerAsked(outcome: PeerOutcome): void;
  /** Another replica asked this one, and was given the key, or refused for a reason of the log. */
  peerGranted(): void;
  peerRefused(reason: string): void;
  /** A known admin's share or operation was not accepted. */
  adminRefused(): void;
  readonly contentType: string;
  text(): Promise<string>;
}

/** Seconds; from a cached read to a request that waits for a slow store. */
const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
export type PeerOutcome = 'unsealed' | 'failed';
const peerOutcomes = ['unsealed', 'failed'] as const satisfies readonly PeerOutcome[];
const reloadOutcomes = ['ok', 'failed'] as const;

/** Makes the metrics of one process in a registry of their own. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> =>
    new Counter<L>({ name: `letterlock_${name}`, help, labelNames, registers });

  const requests = counter('http_requests_total', 'Answered requests of the API, by route and status', [
    'route',
    'status',
  ]);
  const durations = new Histogram({
    name: 'letterlock_http_request_duration_seconds',
    help: 'Time from the head of a request to its answer, by route',
    labelNames: ['route'],
    buckets: durationBuckets,
    registers,
  });
  const failedProofs = counter('failed_proofs_total', 'Requests whose proof was not valid');
  const unparsable = counter(
    'unparsable_requests_total',
    'Requests that are not HTTP, come too slowly, or fail in TLS',
  );
  const transitions = counter('wrap_transitions_total', 'Wraps, by what became of them', ['transition']);
  const secrets = counter('secret_transitions_total', 'Versions of secrets, by what was done with them', [
    'transition',
  ]);
  const sweepFailures = counter('sweep_failures_total', 'Runs of the sweeper that failed');
  const damaged = counter('damaged_records_total', 'Records that could not be opened, by who met them: alarm on any', [
    'met_by',
  ]);
  const alarms = counter('enrolment_alarms_total', 'Second keys for one start of an agent: alarm on any');
  const reloads = counter('certificate_reloads_total', 'Reloads of the certificate files, by outcome', ['outcome']);
  const refusedAdmins = counter('refused_admins_total', 'Shares and operations of known admins that were refused');
  const peersAsked = counter('peer_asked_total', 'Questions to other replicas to unseal this one, by outcome', [
    'outcome',
  ]);
  const peersGranted = counter('peer_granted_total', 'Replicas that this one has unsealed');
  const peersRefused = counter('peer_refused_total', 'Questions of replicas that this one refused, by reason', [
    'reason',
  ]);
  const storeFailures = counter('store_failures_total', 'Calls to the store that failed, by reason', ['reason']);
  const storeCalls = new Histogram({
    name: 'letterlock_store_call_duration_seconds',
    help: 'Time of one call to the store, failed ones included',
    labelNames: ['call'],
    buckets: durationBuckets,
    registers,
  });
  const admissions = counter('admission_reviews_total', 'Admission reviews, by what was decided', ['outcome']);
  const admissionDurations = new Histogram({
    name: 'letterlock_admission_review_duration_seconds',
    help: 'Time from the head of an admission review to its answer',
    buckets: durationBuckets,
    registers,
  });
  // A series that appears with its first event has no increase that a rule could see.
  for (const transition of wrapTransitions) transitions.inc({ transition }, 0);
  for (const metBy of damageFinders) damaged.inc({ met_by: metBy }, 0);
  for (const outcome of peerOutcomes) peersAsked.inc({ outcome }, 0);
  for (const outcome of reloadOutcomes) reloads.inc({ outcome }, 0);
  for (const outcome of admissionOutcomes) admissions.inc({ outcome }, 0);
  for (const reason of storeFailureReasons) storeFailures.inc({ reason }, 0);
  registerGauges(registry, sources);
  registerReadiness(registry, sources);
  registerAuditSinks(registry, sources.auditSinks);

  // Resolving labels costs more than counting, so each pair is resolved once.
  const requestsOf = new Map<string, Counter.Internal>();
  const durationsOf = new Map<string, Histogram.Internal<'route'>>();
  const storeCallsOf = { range: storeCalls.labels('range'), transact: storeCalls.labels('transact') };

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
    wrapChanged: (transition) => transitions.inc({ transition }),
    secretChanged: (transition) => secrets.inc({ transition }),
    secretsExpired: (count) => secrets.inc({ transition: 'expired' }, count),
    proofFailed: () => failedProofs.inc(),
    connectionRefused: () => unparsable.inc(),
    swept: (transition, count) => transitions.inc({ transition }, count),
    enrolmentAlarmed: () => alarms.inc(),
    sweepFailed: () => sweepFailures.inc(),
    recordsDamaged: (metBy, count) => damaged.inc({ met_by: metBy }, count),
    certificateReloaded: (outcome) => reloads.inc({ outcome }),
    admissionAnswered(outcome, seconds) {
      admissions.inc({ outcome });
      admissionDurations.observe(seconds);
    },
    peerAsked: (outcome) => peersAsked.inc({ outcome }),
    peerGranted: () => peersGranted.inc(),
    peerRefused: (reason) => peersRefused.inc({ reason }),
    adminRefused: () => refusedAdmins.inc(),
    storeAnswered: (call, seconds) => storeCallsOf[call].observe(seconds),
    storeFailed: (reason) => storeFailures.inc({ reason }),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

function registerGauges(registry: Registry, sources: MetricSources): void {
  const gauges: readonly { readonly name: string; readonly help: string; readonly read: () => number | undefined }[] = [
    { name: 'letterlock_live_wraps', help: 'Wraps stored or claimed', read: sources.liveWraps },
    {
      name: 'letterlock_live_secret_versions',
      help: 'Versions of secrets neither destroyed nor expired',
      read: sources.liveSecretVersions,
    },
    { name: 'letterlock_remembered_nonces', help: 'Nonces remembered as used', read: sources.rememberedNonces },
    {
      name: 'letterlock_pods_not_injected',
      help: 'Pods that ask for an agent and have none, as the leading replica sees them',
      read: sources.podsLeftOut,
    },
    { name: 'letterlock_store_keys', help: 'Keys in the store', read: sources.storeKeys },
    {
      name: 'letterlock_store_bytes',
      help: "Size of the store's database",
      read: () => sources.storeSpace()?.databaseBytes,
    },
    {
      name: 'letterlock_store_used_bytes',
      help: 'What of it is in use',
      read: () => sources.storeSpace()?.usedBytes,
    },
    {
      name: 'letterlock_store_quota_bytes',
      help: 'Size at which the store takes no more writes, as configured',
      read: () => sources.storeSpace()?.quotaBytes,
    },
    { name: 'letterlock_audit_records', help: 'Audit records numbered by this process', read: sources.auditRecords },
    { name: 'letterlock_audit_open', help: 'Audit records without an answer', read: sources.openAuditOutcomes },
    {
      name: 'letterlock_audit_uncovered',
      help: 'Audit numbers that no checkpoint covers yet',
      read: sources.uncoveredAuditRecords,
    },
    { name: 'letterlock_audit_checkpoint', help: 'Number of the last checkpoint', read: sources.lastCheckpoint },
    { name: 'process_resident_memory_bytes', help: 'Resident memory', read: () => process.memoryUsage.rss() },
    { name: 'process_cpu_seconds_total', help: 'User and system CPU time', read: cpuSeconds },
  ];
  for (const { name, help, read } of gauges) {
    const gauge = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
    registry.registerMetric(gauge);
  }
  const state = new Gauge({
    name: 'letterlock_seal_state',
    help: '1 for the state that the service is in',
    labelNames: ['state'],
    registers: [],
    collect() {
      const current = sources.state();
      for (const each of serviceStates) this.set({ state: each }, each === current ? 1 : 0);
    },
  });
  registry.registerMetric(state);
}

function registerReadiness(registry: Registry, sources: MetricSources): void {
  const unready = new Gauge({
    name: 'letterlock_unready',
    help: '1 for each reason for which /readyz refuses',
    labelNames: ['reason'],
    registers: [],
    async collect() {
      const found = new Set((await sources.unreadyReasons()).map(labelOfReason));
      for (const reason of unreadyReasons) this.set({ reason }, found.has(reason) ? 1 : 0);
    },
  });
  registry.registerMetric(unready);
  const ends = new Gauge({
    name: 'letterlock_certificate_not_after_seconds',
    help: 'Unix time at which a certificate in use ends, by what it is for',
    labelNames: ['use'],
    registers: [],
    collect() {
      this.reset();
      for (const [use, seconds] of Object.entries(sources.certificateEnds())) this.set({ use }, seconds);
    },
  });
  registry.registerMetric(ends);
}

const sinkNumbers = [
  {
    name: 'lines',
    help: 'Lines that an audit sink has taken since the start',
    read: (sink: AuditSinkFacts) => sink.written,
  },
  { name: 'failures', help: 'Batches that an audit sink did not take', read: (sink: AuditSinkFacts) => sink.failures },
  { name: 'waiting', help: 'Lines that an audit sink has not taken yet', read: (sink: AuditSinkFacts) => sink.waiting },
  {
    name: 'failing',
    help: 'Audit sinks that do not take lines: the service is not ready',
    read: (sink: AuditSinkFacts) => (sink.isFailing ? 1 : 0),
  },
] as const;

function registerAuditSinks(registry: Registry, read: MetricSources['auditSinks']): void {
  for (const { name, help, read: numberOf } of sinkNumbers) {
    const gauge = new Gauge({
      name: `letterlock_audit_sink_${name}`,
      help,
      labelNames: ['sink'],
      registers: [],
      collect() {
        this.reset();
        for (const sink of read()) this.inc({ sink: sink.kind }, numberOf(sink));
      },
    });
    registry.registerMetric(gauge);
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
