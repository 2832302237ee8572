/**
 * Starts one server: the only place where configuration, store, decisions and listeners meet.
 * It must never decide anything itself, nor leave something running that close does not stop.
 * @module
 */
import {
  createBootKeys,
  Installation,
  markInitial,
  NonceAuthority,
  readAdminCertificate,
  RedeemedNonces,
  type BootKeys,
  type Clock,
  type Entry,
  type RotationTimes,
  type Store,
} from '@letterlock/core';
import {
  certificatePem,
  createSelfSignedCertificate,
  importVerifyingKey,
  readCertificate,
  readEnvelope,
  verifyingKeyOf,
  verifyKeyset,
} from '@letterlock/crypto';
import { lifetimes } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { hostsOf } from './address.ts';
import { keepOwnStart } from './claim-own-start.ts';
import { composeUnsealed } from './compose-unsealed.ts';
import { countCalls } from './counted-store.ts';
import { openAttestor } from './open-attestor.ts';
import { openSinks } from './open-sinks.ts';
import { runAudit } from './run-audit.ts';
import { repeat } from './background.ts';
import type { Config } from './config.ts';
import { createDirectListener, defaultTimeouts, tlsSettings, type ListenerTimeouts } from './http/direct-listener.ts';
import { createGrpcListener } from './grpc/grpc-listener.ts';
import { createPeerClient } from './grpc/peer-client.ts';
import { createPeerService } from './grpc/peer-service.ts';
import { createHealthServer } from './http/health.ts';
import type { UnsealedServices } from './http/ports.ts';
import { followReplicas } from './follow-replicas.ts';
import type { KubernetesPorts } from './kubernetes-ports.ts';
import { runInitialState } from './initial-state.ts';
import type { ApiClient } from './kube/api-client.ts';
import { openKubernetesApi } from './kube/kubernetes-api.ts';
import { closeHealth, hostInUrl, listen, originOf } from './listening.ts';
import { createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { openStore, type OpenedStore } from './open-store.ts';
import { runSweeper } from './run-sweeper.ts';
import { runWorkloads } from './run-workloads.ts';
import { openKubernetes } from './open-kubernetes.ts';
import { findUnreadyReasons, findWarnings, type ReadinessSources } from './readiness.ts';
import { cutOffPod, serveAgents } from './serve-agents.ts';
import { systemClock } from './system-clock.ts';
import { unsealByPeers, type AskedPeers } from './unseal-by-peers.ts';
import { endOfCertificate, readTlsFiles, TlsFiles, type TlsMaterial } from './tls-files.ts';

export interface StartOptions {
  /** Default: one JSON object a line on standard output. */
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Aborting it drains and closes the server, as SIGTERM should. */
  readonly signal?: AbortSignal;
  /** Default: those of protocol.md §14. */
  readonly timeouts?: Partial<ListenerTimeouts>;
  /** How often the certificate files are looked at. Default 10 s. */
  readonly certificateCheckMilliseconds?: number;
  /** How often a checkpoint is written over new audit records. Default 60 s. */
  readonly checkpointMilliseconds?: number;
  /** Put around the store before anything uses it, for a harness that lets it fail. Default: the store itself. */
  readonly decorateStore?: (store: Store) => Store;
  /** What workloads need from Kubernetes. Default: what the configured API server gives; none where there is none. */
  readonly workloadPorts?: KubernetesPorts;
  /** Default: the API server that the configuration names. */
  readonly kubernetesApi?: ApiClient;
  /** Lives of workload certificates, shorter than the configuration allows, for tests. Default: those of the configuration. */
  readonly authorityTimes?: RotationTimes;
  /** A store in memory waits for an admin's initialisation too, as a durable one does; for tests of it. Default false. */
  readonly waitsForInitialisation?: boolean;
}

/** A server that listens. */
export interface RunningServer {
  /** First public origin. */
  readonly origin: string;
  readonly healthOrigin: string | undefined;
  /** Thumbprint of the instance key, which clients pin; undefined while uninitialised. */
  readonly fingerprint: string | undefined;
  readonly bootFingerprint: string;
  /** Port of the webhook; undefined before it listens. */
  readonly webhookPort: number | undefined;
  /** PEM of what the direct listener serves now. */
  readonly certificate: string;
  /** What a store in this process holds. @throws TypeError for a durable store */
  readonly store: { dump(): Iterable<Entry> };
  /** Ends when the server has been closed, by whatever. */
  readonly closed: Promise<void>;
  /** Finishes requests in flight, for at most 10 s, and stops. */
  close(): Promise<void>;
}

const drainMilliseconds = 10_000;
const certificateCheckMilliseconds = 10_000;
const certificateSeconds = 365 * 86_400;
const loopbackHosts = ['localhost', '127.0.0.1', '[::1]'] as const;

/** Starts the server. @throws ConfigError for files that cannot be used, the system's error when an address is taken */
export async function startServer(config: Config, options: StartOptions = {}): Promise<RunningServer> {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? createLog(config.log.level);
  /** What a start that fails has begun by then, or the process would never end. */
  await using begun = new AsyncDisposableStack();
  for (const note of config.notes) log.warn({ note }, 'Sources of the configuration disagree');

  const boot = createBootKeys();
  const bootCertificate = bootMaterial(config, boot, clock);
  const material = config.tls === undefined ? bootCertificate : readTlsFiles(config.tls, clock.nowSeconds());
  let { certificate } = material;
  /** For the boot key, by the installation's own authority; while sealed there is none. */
  let ownChain: string | undefined;
  /** Once both listeners are there. */
  let serveOwnChain: () => void = () => undefined;
  let cutOff: (podUid: string) => void = () => undefined;
  const api =
    options.kubernetesApi ??
    (config.kubernetes === undefined ? undefined : openKubernetesApi(config.kubernetes.access));
  const attestor = openAttestor(config, clock, api);
  const writers = openSinks(config.audit.sinks);
  const { certificateCheckMilliseconds: checkMilliseconds } = options;
  const bare = openStore(config.store, { clock, log, certificateCheckMilliseconds: checkMilliseconds });
  begun.defer(() => bare.close());
  const store = countCalls(options.decorateStore?.(bare.store) ?? bare.store, {
    storeAnswered: (call, seconds) => metrics.storeAnswered(call, seconds),
    storeFailed: (reason) => metrics.storeFailed(reason),
  });
  const opened: OpenedStore = { ...bare, store };
  const installation = new Installation({
    store,
    clock,
    boot,
    trustDomain: config.trustDomain,
    admins: config.init.certificates.map((pem) => readAdminCertificate(pem)),
    threshold: config.init.threshold,
    acceptSingleHolder: config.init.acceptSingleHolder,
    isTransient: opened.isTransient,
    firstRecords: (barrier) => (config.identities.length + config.grants.length === 0 ? [] : [markInitial(barrier)]),
    peerUnseal: config.peerUnseal,
    bootImages: config.attest?.kubernetes?.images ?? [],
    ...(attestor === undefined ? {} : { attestor }),
    ...(config.pinnedInstanceKey === undefined ? {} : { pinnedInstanceKey: config.pinnedInstanceKey }),
  });
  const { checkpointMilliseconds } = options;
  const audit = runAudit({
    installation,
    store,
    clock,
    log,
    writers,
    ...(checkpointMilliseconds === undefined ? {} : { checkpointMilliseconds }),
  });
  begun.defer(() => audit.close());
  const redeemed = new RedeemedNonces();
  const nonces = new NonceAuthority({ replicaId: boot.replicaId, clock, redeemed });

  let unsealed: UnsealedServices | undefined;
  let isDraining = false;
  let webhookPort: number | undefined;
  let kubernetes = undefined as ReturnType<typeof openKubernetes> | undefined;
  let peers = undefined as AskedPeers | undefined;
  const readiness: ReadinessSources = {
    state: () => installation.state,
    isDraining: () => isDraining,
    alarm: () => installation.alarm,
    isImageUnlisted: () => peers?.isImageUnlisted() ?? false,
    isAuditBlocked: () => installation.audit.isBlocked,
    isSinkFailing: () => audit.sinks().some(({ isFailing }) => isFailing),
    isChainBroken: audit.isChainBroken,
    store,
    storeSpace: opened.space,
  };
  const metrics = createMetrics({
    state: () => installation.state,
    storeKeys: opened.size,
    auditRecords: () => installation.audit.lastSeq,
    openAuditOutcomes: () => installation.audit.openOutcomes,
    uncoveredAuditRecords: () => installation.audit.lastSeq - installation.audit.settled.signedThrough,
    lastCheckpoint: audit.lastCheckpoint,
    auditSinks: audit.sinks,
    liveWraps: () => unsealed?.wraps.live,
    liveSecretVersions: () => unsealed?.secrets.live,
    rememberedNonces: () => redeemed.generations.reduce((sum, { size }) => sum + size, 0),
    podsLeftOut: () => kubernetes?.podsLeftOut(),
    unreadyReasons: () => findUnreadyReasons(readiness),
    storeSpace: opened.space,
    certificateEnds: () => {
      const storeEnd = opened.certificateEndSeconds();
      const webhookEnd = kubernetes?.webhookCertificateEndSeconds();
      return {
        api: endOfCertificate(certificate),
        ...(storeEnd === undefined ? {} : { store: storeEnd }),
        ...(webhookEnd === undefined ? {} : { webhook: webhookEnd }),
      };
    },
  });
  let publicOrigins = config.publicOrigins;
  kubernetes =
    config.kubernetes === undefined || api === undefined
      ? undefined
      : openKubernetes({
          config,
          kubernetes: config.kubernetes,
          api,
          clock,
          log,
          metrics,
          isInitialised: () => installation.state !== 'uninitialised',
          secrets: () => unsealed?.secrets,
          wraps: () => unsealed?.wraps,
          listen: async (server, address) => {
            webhookPort = await listen(server, address, log);
          },
        });
  const workloadPorts = options.workloadPorts ?? kubernetes?.ports;
  const workloads =
    workloadPorts === undefined
      ? undefined
      : runWorkloads({
          ports: workloadPorts,
          installation,
          store,
          clock,
          log,
          trustDomain: config.trustDomain,
          times: options.authorityTimes ?? config.ca,
          servedKey: boot.tls,
          hosts: () => [...new Set([...hostsOf(publicOrigins), ...workloadPorts.serviceHosts])],
          serve: (chain) => {
            ownChain = chain;
            serveOwnChain();
          },
          alarmed: () => metrics.enrolmentAlarmed(),
          cutOff: (podUid) => cutOff(podUid),
        });
  if (workloads !== undefined) begun.defer(workloads.stop);
  installation.onUnsealed((keys) => {
    const inKubernetes = workloads?.compose(keys);
    unsealed = composeUnsealed(config, { keys, opened, clock, admins: installation.admins(), inKubernetes });
    log.info({ inst: keys.inst, generation: keys.generation }, 'Unsealed');
  });
  installation.onSealed(() => {
    unsealed = undefined;
    // Who is about to give a share may look for the fingerprint in the log, where that of the start may be gone by then.
    log.info({ boot: boot.boot }, 'Sealed');
  });
  installation.onRefused(({ act, who, reason, req }) => {
    metrics.adminRefused();
    log.warn({ act, who, reason, requestId: req }, 'Refused admin');
  });
  installation.onReplicaRefused((replica) => kubernetes?.replicaRefused(replica));
  installation.onShareCounted((share) => log.info(share, 'Counted a share'));
  const stopFollowing = followReplicas({ installation, store, clock, log, kept: () => unsealed });
  const initial = runInitialState({ config, installation, store, log, unsealed: () => unsealed });
  begun.defer(stopFollowing);
  begun.defer(initial.stop);
  await installation.load();
  const isAutomatic = opened.isTransient && options.waitsForInitialisation !== true;
  if (isAutomatic && installation.state === 'uninitialised') {
    await installation.initialise();
    await initial.apply();
  }

  const direct = createDirectListener({
    services: {
      trustDomain: config.trustDomain,
      installation,
      store,
      nonces,
      clock,
      metrics,
      readers: { publicKey: verifyingKeyOf, envelope: readEnvelope, keyset: verifyKeyset },
      publicOrigins: () => publicOrigins,
      unsealed: () => unsealed,
      // The installation is there, whatever comes of this: the admin must hear so.
      initialised: () => initial.apply().catch(() => undefined),
    },
    log,
    certificate: material.certificate,
    key: material.key,
    timeouts: { ...defaultTimeouts, ...options.timeouts },
  });
  const directPort = await listen(direct.server, config.listen.direct, log);
  begun.defer(() => direct.close(0));
  if (publicOrigins.length === 0) publicOrigins = loopbackHosts.map((host) => originOf(host, directPort));

  const grpcAddress = config.listen.grpc;
  const grpc =
    grpcAddress === undefined
      ? undefined
      : createGrpcListener({
          ...bootCertificate,
          readPublicKey: verifyingKeyOf,
          services: [
            createPeerService({
              installation,
              log,
              granted: () => metrics.peerGranted(),
              refused: (reason) => metrics.peerRefused(reason),
            }),
            ...(workloads === undefined
              ? []
              : [
                  serveAgents({
                    trustDomain: config.trustDomain,
                    installation,
                    store,
                    nonces,
                    clock,
                    log,
                    unsealed: () => unsealed,
                    proofFailed: () => metrics.proofFailed(),
                  }),
                ]),
          ],
          log,
        });
  if (grpc !== undefined) {
    cutOff = (podUid) => cutOffPod(grpc, podUid);
    await listen(grpc.server, grpcAddress!, log);
    begun.defer(() => grpc.close(0));
  }

  serveOwnChain = () => {
    const served = { ...tlsSettings, cert: ownChain ?? bootCertificate.certificate, key: bootCertificate.key };
    grpc?.server.setSecureContext(served);
    // A certificate of the configuration is what its owner wants to be served.
    if (config.tls !== undefined) return;
    direct.server.setSecureContext(served);
    certificate = served.cert;
  };
  if (ownChain !== undefined) serveOwnChain();

  const health = createHealthServer({
    unreadyReasons: () => findUnreadyReasons(readiness),
    warnings: () => findWarnings(readiness),
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.text() }),
  });
  const healthAddress = config.listen.health;
  const healthPort = healthAddress === undefined ? undefined : await listen(health, healthAddress, log);

  kubernetes?.start();
  if (config.peers.length > 0) {
    peers = unsealByPeers({
      installation,
      peers: config.peers.map((address) => ({ address, ask: createPeerClient({ address, ...bootCertificate }) })),
      log,
      asked: (outcome) => metrics.peerAsked(outcome),
    });
  }

  const stopTasks = [
    stopFollowing,
    initial.stop,
    ...(workloads === undefined ? [] : [workloads.stop]),
    runSweeper({ unsealed: () => unsealed, installation, metrics, log }),
    ...(config.tls === undefined ? [] : [reloadCertificate(config.tls)]),
    ...(peers === undefined ? [] : [peers.stop, keepOwnStart({ installation, log })]),
  ];

  const fingerprint = (): string | undefined => {
    const sik = installation.configuration?.sik;
    return sik === undefined ? undefined : importVerifyingKey(sik).thumbprint;
  };
  let closing: Promise<void> | undefined;
  const finished = Promise.withResolvers<void>();
  const running: RunningServer = {
    origin: publicOrigins[0]!,
    healthOrigin:
      healthPort === undefined ? undefined : `http://${hostInUrl(healthAddress?.host ?? '127.0.0.1')}:${healthPort}`,
    get fingerprint() {
      return fingerprint();
    },
    bootFingerprint: boot.boot,
    get webhookPort() {
      return webhookPort;
    },
    get certificate() {
      return certificate;
    },
    store: { dump: opened.dump },
    closed: finished.promise,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
  // From here on it ends by close(), which lets what is under way finish.
  begun.move();
  options.signal?.addEventListener('abort', () => void running.close(), { once: true });
  log.info(
    {
      origin: running.origin,
      health: running.healthOrigin,
      state: installation.state,
      trustDomain: config.trustDomain,
      fingerprint: running.fingerprint,
      boot: running.bootFingerprint,
    },
    'Listening',
  );
  if (options.signal?.aborted === true) await running.close();
  return running;

  async function close(): Promise<void> {
    isDraining = true;
    log.info('Draining');
    await Promise.all([direct.close(drainMilliseconds), grpc?.close(drainMilliseconds), kubernetes?.stop()]);
    await Promise.all(stopTasks.map((stop) => stop()));
    installation.forgetShares();
    await audit.close();
    if (healthPort !== undefined) await closeHealth(health);
    await opened.close();
    log.info('Stopped');
    await flushed(log);
    finished.resolve();
  }

  function reloadCertificate(paths: NonNullable<Config['tls']>): () => Promise<void> {
    const files = new TlsFiles(paths);
    return repeat({
      everyMilliseconds: options.certificateCheckMilliseconds ?? certificateCheckMilliseconds,
      run: async () => {
        const changed = files.changed(clock.nowSeconds());
        if (changed === undefined) return undefined;
        direct.server.setSecureContext({ ...tlsSettings, cert: changed.certificate, key: changed.key });
        certificate = changed.certificate;
        metrics.certificateReloaded('ok');
        log.info({ served: readCertificate(changed.certificate).key.thumbprint }, 'Reloaded the certificate');
        return undefined;
      },
      onError: (error) => {
        metrics.certificateReloaded('failed');
        log.error({ error }, 'Kept the old certificate: the new files cannot be used');
      },
    });
  }
}

/** A self-signed certificate of this process's own key: nobody stands behind it but the boot fingerprint. */
function bootMaterial(config: Config, boot: BootKeys, clock: Clock): TlsMaterial {
  const nowSeconds = clock.nowSeconds();
  const der = createSelfSignedCertificate({
    key: boot.tls,
    commonName: 'Letterlock',
    // A client whose clock is behind must already see a valid certificate.
    notBeforeSeconds: nowSeconds - lifetimes.issuedAtSkew,
    notAfterSeconds: nowSeconds + certificateSeconds,
    hosts: hostsOf(
      config.publicOrigins.length > 0 ? config.publicOrigins : loopbackHosts.map((host) => originOf(host, 443)),
    ),
  });
  // TLS takes its key as PEM only; this one dies with the process.
  return { certificate: certificatePem(der), key: boot.tls.keyObject.export({ format: 'pem', type: 'pkcs8' }) };
}

/** Waits until the lines so far have left the process. */
function flushed(log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  log.flush(() => resolve());
  return promise;
}
