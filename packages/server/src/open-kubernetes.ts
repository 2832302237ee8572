/**
 * Everything that runs because this service is in Kubernetes, started and stopped as one.
 * It must never be started where no Kubernetes is configured.
 * @module
 */
import type { Server } from 'node:https';
import type { Clock } from '@letterlock/core';
import type { Logger } from 'pino';
import { repeat } from './background.ts';
import type { Config, KubernetesConfig } from './config.ts';
import type { ApiClient } from './kube/api-client.ts';
import { openKubernetesApi } from './kube/kubernetes-api.ts';
import { Lease, leaseEveryMilliseconds } from './kube/lease.ts';
import type { Metrics } from './metrics.ts';
import { runWebhook, type RunningWebhook } from './run-webhook.ts';

export interface KubernetesOptions {
  readonly config: Config;
  readonly kubernetes: KubernetesConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly isInitialised: () => boolean;
  readonly listen: (server: Server, address: NonNullable<Config['listen']['webhook']>) => Promise<void>;
  /** Default: what the configuration names. */
  readonly api?: ApiClient;
}

export interface OpenedKubernetes {
  readonly api: ApiClient;
  readonly isLeading: () => boolean;
  readonly webhookCertificateEndSeconds: () => number | undefined;
  /** Begins to elect, and to serve the webhook. */
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

const leaseName = 'letterlock-controller';

/** @throws TypeError where the kubeconfig cannot be used */
export function openKubernetes(o: KubernetesOptions): OpenedKubernetes {
  const { config, kubernetes, clock, log, metrics } = o;
  const api = o.api ?? openKubernetesApi(kubernetes.access);
  const lease = new Lease({
    api,
    namespace: kubernetes.namespace,
    name: leaseName,
    holder: kubernetes.pod,
    monotonicSeconds: () => clock.monotonicSeconds(),
    nowSeconds: () => clock.nowSeconds(),
    log,
  });
  const attempt = (): Promise<void> =>
    lease.attempt().catch((error: unknown) => log.warn({ error }, 'Could not ask for the lease'));
  let first: Promise<void> = Promise.resolve();
  let stopLease: (() => Promise<void>) | undefined;
  let webhook: RunningWebhook | undefined;
  return {
    api,
    isLeading: () => lease.isLeading,
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
      await stopLease?.();
      await first;
      await lease.release();
    },
  };
}
