/**
 * The agent put together: membership, delivery, socket, from the first key to the end.
 * It must never keep a key outside its memory, nor delete what it delivered.
 * @module
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createIdentity } from '@letterlock/client';
import { agentPaths, enrolResponse, limits, ProblemError, readClaims } from '@letterlock/protocol';
import { Delivery, type Conduct } from './delivery.ts';
import { createDirectService } from './direct-service.ts';
import type { AgentSettings } from './environment.ts';
import { hasSet, writeSet } from './files/write-set.ts';
import { pause } from './backoff.ts';
import { errorFacts, type Log } from './log.ts';
import { Membership } from './membership.ts';
import { Metrics } from './metrics.ts';
import { notify } from './notify.ts';
import { OnceFolder } from './once/once-folder.ts';
import { OnceSecrets } from './once/once-secrets.ts';
import { RpcClient } from './rpc-client.ts';
import { nameOf, SecretStore } from './secret-store.ts';
import { openSocket } from './socket.ts';
import { socketRoutes } from './socket-routes.ts';
import { TrustFolder } from './trust-folder.ts';
import { Waiting } from './waiting.ts';
import { writeSecret } from './write-secret.ts';

/** Where the agent finds its things; others than the injector's only in tests. */
export type AgentPaths = Readonly<Record<'secrets' | 'enrolmentToken' | 'trustBundle', string>>;

export interface AgentOptions {
  readonly settings: AgentSettings;
  readonly paths?: AgentPaths;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const checkTimeMilliseconds = 1000;
const socketName = 'agent.sock';

/** Runs until the abort; in mode init until the files are there. @throws when the pod must not wait any longer */
export async function runAgent({ settings, paths = agentPaths, log, signal: outer }: AgentOptions): Promise<void> {
  const nowSeconds = (): number => Math.floor(Date.now() / 1000);
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  // One key for this start of the container; it is nowhere else.
  const identity = createIdentity({ name: settings.podName });
  const metrics = new Metrics();
  const waiting = new Waiting(log, nowSeconds);
  const store = new SecretStore();
  const direct = createDirectService({ origin: settings.directOrigin, identity });
  const membership = new Membership({
    identity,
    issuer: direct,
    trustFolder: new TrustFolder({
      folder: dirname(paths.trustBundle),
      pinned: settings.pinnedInstanceKey,
      nowSeconds,
    }),
    readToken: () => readToken(paths.enrolmentToken),
    connect: ({ trust, certificates }) =>
      new RpcClient({
        target: settings.agentTarget,
        trustDomain: settings.trustDomain,
        key: identity.signingKey,
        authorities: trust.authorities,
        certificates,
        nowSeconds,
      }),
    readRenewal: (body) => readClaims(enrolResponse, body).chain,
    nowSeconds,
    log,
    metrics,
    waiting,
  });

  let notifying = new AbortController();
  const updated = ({ on_update: onUpdate }: Conduct): void => {
    notifying.abort();
    notifying = new AbortController();
    const { action, port, path = '/' } = onUpdate ?? { action: 'None' };
    if (action !== 'HTTP' || port === undefined) return;
    void notify({ port, path, log, metrics, signal: AbortSignal.any([signal, notifying.signal]) });
  };
  const once = new OnceSecrets({
    folder: new OnceFolder(paths.secrets),
    identity,
    selector: settings.selector,
    namespace: settings.namespace,
    nowSeconds,
    log,
    metrics,
  });
  once.restore(store);
  const delivery = new Delivery({
    settings,
    identity,
    membership,
    store,
    once,
    write: (files) => writeSet(paths.secrets, files),
    hadSet: hasSet(paths.secrets),
    updated,
    nowSeconds,
    log,
    metrics,
    waiting,
  });

  const routes = socketRoutes({
    store,
    isWriter: settings.isWriter,
    write: async (request, calling) => {
      const { link } = membership;
      if (link === undefined) throw new ProblemError('unavailable', { reason: 'not_enrolled' });
      const latest = store.held(nameOf(request))?.version ?? 0;
      try {
        const written = await writeSecret(
          { ...request, latest: request.namespace === settings.namespace ? latest : 0 },
          { link, identity, keys: direct, nowSeconds, signal: AbortSignal.any([signal, calling]) },
        );
        metrics.count('writes');
        const { namespace, binding, secret } = request;
        log.info('Wrote a secret', { namespace, binding, secret, version: written.version });
        return written;
      } catch (error) {
        metrics.count('write_failures');
        throw error;
      }
    },
    health: () => {
      const since = delivery.staleSince;
      const { current } = waiting;
      return {
        ready: delivery.isReady,
        stale: since !== undefined,
        ...(since === undefined ? {} : { since }),
        ...(current === undefined ? {} : { waiting: current.reason }),
      };
    },
    metrics: () =>
      metrics.text({
        ready: () => Number(delivery.isReady),
        connected: () => Number(delivery.staleSince === undefined),
        secrets: () => store.offers.filter((offer) => store.held(nameOf(offer)) !== undefined).length,
        certificate_end_seconds: () => membership.certificateEndsAt ?? 0,
      }),
  });
  const server = await openSocket(join(paths.secrets, socketName), routes, log);
  const running = [membership.run(signal), delivery.run(signal), checkTime(delivery, signal)];
  try {
    await Promise.race([delivery.ready, untilAborted(signal)]);
    if (!signal.aborted) log.info('The files are there');
    if (settings.mode === 'sidecar') await untilAborted(signal);
  } finally {
    stop.abort();
    server.close();
    server.closeAllConnections();
    await Promise.allSettled(running);
    store.clear();
  }
}

async function checkTime(delivery: Delivery, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !delivery.isReady) {
    delivery.checkTime();
    await pause(checkTimeMilliseconds, signal);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Rotated by the kubelet: read at each use. */
function readToken(path: string): string {
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new ProblemError('unavailable', { reason: 'token_not_there', cause: errorFacts(error) });
  }
  if (token === '' || token.length > limits.tokenBytes) throw new ProblemError('unavailable', { reason: 'token_form' });
  return token;
}
