/**
 * Runs the webhook: its certificate, from files or from its own CA in a Kubernetes Secret, its listener, and what the API
 * server is told to trust. It must never end with the API server: what is served goes on until it expires.
 * @module
 */
import type { Server } from 'node:https';
import type { Clock, InjectionSettings } from '@letterlock/core';
import type { Logger } from 'pino';
import { repeat } from './background.ts';
import { defaultTimeouts, type ListenerTimeouts } from './http/direct-listener.ts';
import { createWebhookListener } from './http/webhook-listener.ts';
import type { KubernetesConfig } from './config.ts';
import type { ApiClient } from './kube/api-client.ts';
import { applyCaBundle, readSecretData, writeSecretData } from './kube/authority-secret.ts';
import type { Metrics } from './metrics.ts';
import { endOfCertificate, readTlsFiles, TlsFiles, type TlsMaterial } from './tls-files.ts';
import {
  caBundleOf,
  createWebhookAuthority,
  decodeWebhookAuthorities,
  encodeWebhookAuthorities,
  issueWebhookCertificate,
  planAuthorities,
  type AuthorityPlan,
} from './webhook-authority.ts';

export interface WebhookOptions {
  readonly config: KubernetesConfig;
  readonly trustDomain: string;
  readonly settings: InjectionSettings;
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'admissionAnswered' | 'certificateReloaded'>;
  readonly isInitialised: () => boolean;
  /** Of several replicas one writes into the webhook's configuration. */
  readonly isLeading: () => boolean;
  /** Ends when it is known for the first time who leads. */
  readonly begun: Promise<void>;
  /** Binds the listener. */
  readonly listen: (server: Server) => Promise<void>;
  readonly timeouts?: Partial<ListenerTimeouts>;
  /** How often authorities, certificate and configuration are looked at. Default 20 s. */
  readonly everyMilliseconds?: number;
}

export interface RunningWebhook {
  /** Undefined before the first certificate. */
  readonly certificateEndSeconds: () => number | undefined;
  readonly stop: () => Promise<void>;
}

const everyMilliseconds = 20_000;
const retryMilliseconds = 1000;
/** Of the hour that a certificate lives. */
const renewBeforeSeconds = 1800;
/** Another replica may be writing the Secret at the same moment. */
const secretAttempts = 3;

export function runWebhook(o: WebhookOptions): RunningWebhook {
  const { config, clock, log, metrics } = o;
  let server: Server | undefined;
  let served: TlsMaterial | undefined;
  let signedBy: string | undefined;
  const files = config.webhook.tls === undefined ? undefined : new TlsFiles(config.webhook.tls, { at: filesAt });

  async function serve(material: TlsMaterial): Promise<void> {
    if (server === undefined) {
      server = createWebhookListener({
        ...material,
        world: () => ({ settings: o.settings, isInitialised: o.isInitialised() }),
        answered: (outcome, seconds) => metrics.admissionAnswered(outcome, seconds),
        timeouts: { ...defaultTimeouts, ...o.timeouts },
        log,
      });
      try {
        await o.listen(server);
      } catch (error) {
        server = undefined;
        throw error;
      }
    } else {
      server.setSecureContext({ minVersion: 'TLSv1.3', cert: material.certificate, key: material.key });
      metrics.certificateReloaded('ok');
    }
    served = material;
  }

  async function serveFiles(held: TlsFiles, paths: NonNullable<KubernetesConfig['webhook']['tls']>): Promise<void> {
    const nowSeconds = clock.nowSeconds();
    const material = served === undefined ? readTlsFiles(paths, nowSeconds, filesAt) : held.changed(nowSeconds);
    if (material !== undefined) await serve(material);
  }

  async function serveOwn(): Promise<void> {
    const nowSeconds = clock.nowSeconds();
    const plan = await ensureAuthorities(o);
    const signing = plan.signing!;
    const isDue = served === undefined || endOfCertificate(served.certificate) - nowSeconds < renewBeforeSeconds;
    if (isDue || signedBy !== signing.key.thumbprint) {
      const { service } = config.webhook;
      const hosts = [`${service}.${config.namespace}.svc`, `${service}.${config.namespace}.svc.cluster.local`];
      await serve(await issueWebhookCertificate({ signing, hosts, nowSeconds }));
      signedBy = signing.key.thumbprint;
    }
    if (!o.isLeading()) return;
    const caBundle = caBundleOf(plan.trusted);
    const changed = await applyCaBundle(o.api, { configuration: config.webhook.configuration, caBundle });
    if (changed > 0) log.info({ entries: changed }, 'Wrote whom the API server trusts for the webhook');
  }

  async function look(): Promise<void> {
    if (files === undefined) await serveOwn();
    else await serveFiles(files, config.webhook.tls!);
  }

  async function tryToLook(): Promise<number> {
    try {
      await look();
    } catch (error) {
      failed(error);
    }
    // While nothing is served, no pod that asks can be made.
    return served === undefined ? retryMilliseconds : (o.everyMilliseconds ?? everyMilliseconds);
  }

  const first = o.begun.then(tryToLook);
  const stopLooking = repeat({
    everyMilliseconds: Math.min(retryMilliseconds, o.everyMilliseconds ?? everyMilliseconds),
    run: async () => {
      await first;
      return tryToLook();
    },
    onError: failed,
  });

  function failed(error: unknown): void {
    if (served !== undefined) metrics.certificateReloaded('failed');
    log.error({ error, isServing: served !== undefined }, 'The webhook could not be renewed');
  }

  return {
    certificateEndSeconds: () => (served === undefined ? undefined : endOfCertificate(served.certificate)),
    async stop() {
      await Promise.all([stopLooking(), first]);
      if (server === undefined) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeIdleConnections();
      await promise;
    },
  };
}

const filesAt = 'kubernetes.webhook';

/** The authorities of the Secret, with a new one where one is due. @throws ApiError */
async function ensureAuthorities({ api, config, clock, trustDomain, log }: WebhookOptions): Promise<AuthorityPlan> {
  const place = { namespace: config.namespace, name: config.webhook.secret };
  for (let attempt = 0; attempt < secretAttempts; attempt += 1) {
    const before = await readSecretData(api, place);
    const nowSeconds = clock.nowSeconds();
    const plan = planAuthorities(decodeWebhookAuthorities(before?.data ?? {}, trustDomain), nowSeconds);
    if (!plan.isNewDue) return plan;
    const authorities = [await createWebhookAuthority(trustDomain, nowSeconds), ...plan.trusted];
    if (await writeSecretData(api, { ...place, data: encodeWebhookAuthorities(authorities), before })) {
      log.info({ authorities: authorities.length }, 'Made an authority for the webhook');
      return planAuthorities(authorities, nowSeconds);
    }
  }
  throw new Error('The Secret of the webhook was changed again and again');
}
