/**
 * What the controller reads of the unsealed service and tells it, over the parts of core that know.
 * It must never decide anything.
 * @module
 */
import type { RetainedBinding, Secrets, Wraps } from '@letterlock/core';
import { bindingPathOf, bindingRoot, trustConfigMap } from '@letterlock/protocol';
import type { UnsealedSources } from './kube/controller-ports.ts';
import type { KubernetesServices } from './kubernetes-ports.ts';

type SecretsOf = Pick<Secrets, 'observe' | 'purge'>;
type WrapsOf = Pick<Wraps, 'observe' | 'purge'>;

export function createUnsealedSources(
  services: KubernetesServices,
  secrets: SecretsOf,
  wraps: WrapsOf,
): UnsealedSources {
  const { workloads, tokenWriters, ledger, bindingKeys, retained, authorities, instanceKey } = services;
  const purge = async ({ namespace, name, once }: RetainedBinding): Promise<void> => {
    await bindingKeys.destroy(namespace, name);
    await secrets.purge([bindingRoot, namespace, name].join('/'));
    for (const secret of once) await wraps.purge(bindingPathOf(namespace, name, secret));
  };
  return {
    async publicKeyOf(namespace, name) {
      const { jwk } = await bindingKeys.fresh(namespace, name);
      const { kty, crv, x, y } = jwk as Record<'kty' | 'crv' | 'x' | 'y', string>;
      return { kty, crv, x, y };
    },
    async purge(binding) {
      await purge(binding);
      await retained.forget(binding);
    },
    retain: (binding) => retained.note(binding),
    purgeRetained: (isThere) => retained.sweep({ isThere, purge }),
    secretOf: (path, opens) => (opens === 'Once' ? observeWrap(wraps, path) : observeSecret(secrets, path)),
    lookAtPods: () => ledger.look(),
    recordsOf(uid) {
      const { row, chain, deliveries } = ledger.of(uid);
      return { keyset: row?.keyset, chain, deliveries };
    },
    trust: () => ({
      [trustConfigMap.bundle]: authorities.bundle(),
      [trustConfigMap.instanceKey]: JSON.stringify(instanceKey),
    }),
    async podChanged(pod) {
      await workloads.podChanged(pod);
      await tokenWriters.podChanged(pod);
    },
    async podGone(uid) {
      await workloads.podGone(uid);
      await tokenWriters.podGone(uid);
    },
    async podsListed(uids, startedSeconds) {
      await workloads.keepOnly(uids, startedSeconds);
      await tokenWriters.keepOnly(uids, startedSeconds);
    },
  };
}

async function observeWrap(wraps: WrapsOf, path: string): ReturnType<UnsealedSources['secretOf']> {
  const wrap = await wraps.observe(path);
  if (wrap === undefined) return undefined;
  const { st, storedAt, by, wrt, rcp, exp } = wrap;
  return {
    version: 1,
    writtenAtSeconds: storedAt,
    writer: by ?? wrt,
    recipients: [rcp],
    isGone: st === 'EXPIRED' || st === 'REVOKED' || st === 'BURNED',
    // It has reached its pod, and nothing needs to be written for that one.
    isTaken: st === 'CLAIMED' || st === 'OPENED',
    ...(st === 'STORED' ? { expiresAtSeconds: exp } : {}),
  };
}

async function observeSecret(secrets: SecretsOf, path: string): ReturnType<UnsealedSources['secretOf']> {
  const record = await secrets.observe(path);
  if (record === undefined) return undefined;
  const { ver, at, by, wrt, rcp, s, exp } = record;
  return {
    version: ver,
    writtenAtSeconds: at,
    writer: by ?? wrt,
    recipients: rcp,
    isGone: s !== 'STORED',
    ...(exp === undefined ? {} : { expiresAtSeconds: exp }),
  };
}
