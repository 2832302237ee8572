/**
 * Registries, wraps and secrets of one unsealed period, put together.
 * It must never keep anything of the period before.
 * @module
 */
import {
  firstDirectory,
  GrantRegistry,
  IdentityRegistry,
  OperationLedger,
  Secrets,
  Wraps,
  type Clock,
  type Installation,
  type Unsealed,
} from '@letterlock/core';
import { readCertificate } from '@letterlock/crypto';
import type { Config } from './config.ts';
import type { UnsealedServices } from './http/ports.ts';
import type { OpenedStore } from './open-store.ts';
import type { WorkloadServices } from './run-workloads.ts';

/** @param o - `inKubernetes`: what there is for workloads; undefined elsewhere */
export function composeUnsealed(
  config: Config,
  o: {
    readonly keys: Unsealed;
    readonly opened: OpenedStore;
    readonly clock: Clock;
    readonly admins: ReturnType<Installation['admins']>;
    readonly inKubernetes: WorkloadServices | undefined;
  },
): UnsealedServices {
  const { keys, opened, clock, admins, inKubernetes } = o;
  const { inst, barrier, audit, instanceKey } = keys;
  const common = { store: opened.store, barrier, audit, clock };
  const identities = new IdentityRegistry({
    ...common,
    inst,
    admins,
    authorities: config.x509Authorities.map((pem) => readCertificate(pem).certificate),
    bindings: inKubernetes?.bindings,
  });
  const support = inKubernetes === undefined ? {} : { bindings: inKubernetes.support };
  const wraps = new Wraps({
    ...common,
    instanceKey,
    directory: identities,
    quota: config.quotas,
    tombstoneSeconds: opened.tombstoneSeconds,
    ...support,
  });
  const secrets = new Secrets({ ...common, instanceKey, directory: identities, quota: config.quotas, ...support });
  const grants = new GrantRegistry(common);
  const services = { inst, audit, identities, grants, wraps, secrets, ledger: new OperationLedger(common) };
  if (inKubernetes === undefined) return { ...services, directory: identities };
  const { workloads, bindings, bindingKeys, secondFactor, tokenWriters } = inKubernetes;
  return {
    ...services,
    directory: firstDirectory(identities, tokenWriters),
    workloads,
    bindings,
    bindingKeys,
    secondFactor,
    tokenWriters,
    get authorities() {
      return inKubernetes.authorities;
    },
  };
}
