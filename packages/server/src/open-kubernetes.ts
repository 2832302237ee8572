/**
 * Everything that runs because this service is in Kubernetes, started and stopped as one.
 * It must never be started where no Kubernetes is configured.
 * @module
 */
import type { Server } from 'node:https';
import { formsOf, imageReason, type Clock, type RefusedReplica, type Secrets, type Wraps } from '@letterlock/core';
import { unlistedImageReason } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { hostsOf } from './address.ts';
import { repeat } from './background.ts';
import type { Config, KubernetesConfig } from './config.ts';
import type { ApiClient } from './kube/api-client.ts';
import { Controller } from './kube/controller.ts';
import { recordEnrolmentAlarm } from './kube/enrolment-alarm.ts';
import { createEventRecorder } from './kube/events.ts';
import { createWitness } from './kube/witness.ts';
import type { KubernetesPorts, KubernetesServices } from './kubernetes-ports.ts';
import { Lease, leaseEveryMilliseconds } from './kube/lease.ts';
import type { Metrics } from './metrics.ts';
import { createUnsealedSources } from './unsealed-sources.ts';
import { runWebhook, type RunningWebhook } from './run-webhook.ts';

export interface KubernetesOptions {
  readonly config: Config;
  readonly kubernetes: KubernetesConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly isInitialised: () => boolean;
  /** Undefined while sealed. */
  readonly secrets: () => Secrets | undefined;
  /** Undefined while sealed. */
  readonly wraps: () => Wraps | undefined;
  readonly listen: (server: Server, address: NonNullable<Config['listen']['webhook']>) => Promise<void>;
  readonly api: ApiClient;
}

export interface OpenedKubernetes {
  readonly api: ApiClient;
  /** What the workloads of an unsealed service need. */
  readonly ports: KubernetesPorts;
  readonly isLeading: () => boolean;
  /** Pods that ask for an agent and have none. */
  readonly podsLeftOut: () => number;
  /** Says at the pod of a replica why it stays sealed, where people can do something about it. */
  readonly replicaRefused: (replica: RefusedReplica) => void;
  readonly webhookCertificateEndSeconds: () => number | undefined;
  /** Begins to elect, and to serve the webhook. */
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

const leaseName = 'letterlock-controller';
/** Longer than another replica needs to take a lease that nobody renews. */
const sealedCourtesySeconds = 20;

export function openKubernetes(o: KubernetesOptions): OpenedKubernetes {
  const { config, kubernetes, clock, log, metrics, api } = o;
  const lease = new Lease({
    api,
    namespace: kubernetes.namespace,
    name: leaseName,
    holder: kubernetes.pod,
    monotonicSeconds: () => clock.monotonicSeconds(),
    nowSeconds: () => clock.nowSeconds(),
    // A sealed one would say of every binding that the service is sealed, while others serve.
    courtesySeconds: () => (o.isInitialised() && o.secrets() === undefined ? sealedCourtesySeconds : 0),
    log,
  });
  const attempt = (): Promise<void> =>
    lease.attempt().catch((error: unknown) => log.warn({ error }, 'Could not ask for the lease'));
  let services: KubernetesServices | undefined;
  const events = createEventRecorder({ api, log, nowSeconds: () => clock.nowSeconds(), instance: kubernetes.pod });
  const controller = new Controller({
    api,
    log,
    trustDomain: config.trustDomain,
    ...(kubernetes.injection === undefined ? {} : { injection: kubernetes.injection }),
    service: kubernetes.injection?.directOrigin ?? 'the service',
    events,
    nowSeconds: () => clock.nowSeconds(),
    monotonicSeconds: () => clock.monotonicSeconds(),
    isLeading: () => lease.isLeading,
    unsealed: () => {
      const [secrets, wraps] = [o.secrets(), o.wraps()];
      if (services === undefined || secrets === undefined || wraps === undefined) return undefined;
      return createUnsealedSources(services, secrets, wraps);
    },
  });
  const { injection } = kubernetes;
  const ports: KubernetesPorts = {
    witness: createWitness(api),
    bindings: controller.world,
    forms: () => ({
      settings: injection === undefined ? [] : formsOf(injection, kubernetes.formerAgentImages),
      imageDigests: kubernetes.agentDigests,
    }),
    checkSourceAddress: kubernetes.checkSourceAddress,
    serviceHosts: injection === undefined ? [] : hostsOf([injection.directOrigin, `https://${injection.agentTarget}`]),
    alarmed: (alarm) => recordEnrolmentAlarm(events, alarm),
    unsealed: (given) => {
      services = given;
      controller.refresh();
    },
    rotated: () => controller.trustChanged(),
  };
  let first: Promise<void> = Promise.resolve();
  let stopLease: (() => Promise<void>) | undefined;
  let webhook: RunningWebhook | undefined;
  return {
    api,
    ports,
    isLeading: () => lease.isLeading,
    podsLeftOut: () => controller.leftOut,
    replicaRefused({ attested: { instance: uid, name, image }, reason }) {
      if (reason !== imageReason || name === undefined) return;
      events.record(
        { apiVersion: 'v1', kind: 'Pod', namespace: kubernetes.namespace, name, uid },
        {
          type: 'Warning',
          reason: unlistedImageReason,
          message: `It stays sealed: its image ${image} is not listed. As many admins as unseal run "letterlock quorum images" with the digests of all server images, or unseal it by hand: "letterlock unseal"`,
        },
      );
    },
    webhookCertificateEndSeconds: () => webhook?.certificateEndSeconds(),
    start() {
      first = attempt();
      stopLease = repeat({
        everyMilliseconds: leaseEveryMilliseconds,
        run: async () => {
          await first;
          await attempt();
          return undefined;
        },
        onError: (error) => log.error({ error }, 'The lease failed'),
      });
      controller.start();
      const { webhook: address } = config.listen;
      if (address === undefined || kubernetes.injection === undefined) return;
      webhook = runWebhook({
        config: kubernetes,
        trustDomain: config.trustDomain,
        settings: kubernetes.injection,
        api,
        clock,
        log,
        metrics,
        isInitialised: o.isInitialised,
        isLeading: () => lease.isLeading,
        begun: first,
        listen: (server) => o.listen(server, address),
      });
    },
    async stop() {
      await webhook?.stop();
      await controller.stop();
      await stopLease?.();
      await first;
      await lease.release();
    },
  };
}
