/**
 * Puts the service for agents together: the calls with what they need from the rest of the process, and cutting off a pod.
 * It must never serve while there are no workloads.
 * @module
 */
import { X509Certificate } from 'node:crypto';
import type { Clock, Installation, NonceAuthority, Store } from '@letterlock/core';
import { readEnvelope } from '@letterlock/crypto';
import type { Logger } from 'pino';
import { createAgentCalls, type UnsealedAgentServices } from './grpc/agent-calls.ts';
import { createAgentService } from './grpc/agent-service.ts';
import type { GrpcListener, GrpcService } from './grpc/grpc-listener.ts';
import { FailedProofs } from './http/failed-proofs.ts';
import type { UnsealedServices } from './http/ports.ts';
import { auditRefusal } from './http/refusals.ts';

export interface ServeAgentsOptions {
  readonly trustDomain: string;
  readonly installation: Installation;
  readonly store: Store;
  readonly nonces: NonceAuthority;
  readonly clock: Clock;
  readonly log: Logger;
  readonly unsealed: () => UnsealedServices | undefined;
  readonly proofFailed: () => void;
}

/** The service, for the listener of replicas and agents. */
export function serveAgents(o: ServeAgentsOptions): GrpcService {
  const { trustDomain, installation, store, nonces, clock, log } = o;
  const failedProofs = new FailedProofs(clock);
  /** The same object for as long as the same period lasts: streams end with their period. */
  const periods = new WeakMap<UnsealedServices, UnsealedAgentServices>();
  const unsealed = (): UnsealedAgentServices | undefined => {
    const services = o.unsealed();
    if (services === undefined) return undefined;
    const known = periods.get(services);
    if (known !== undefined) return known;
    const { audit, secrets, wraps, authorities, workloads, secondFactor, bindings } = services;
    // For a moment after the unseal the authorities are not there: to an agent that is still sealed.
    if (authorities === undefined || workloads === undefined) return undefined;
    if (secondFactor === undefined || bindings === undefined) return undefined;
    const period = { audit, secrets, wraps, authorities, workloads, secondFactor, bindings };
    periods.set(services, period);
    return period;
  };
  const calls = createAgentCalls({
    trustDomain,
    installation,
    nonces,
    clock,
    unsealed,
    readEnvelope,
    recordRefusal: (audit, caller, action, error) => auditRefusal({ store }, audit, caller, action, error),
    proofFailed: (address) => {
      o.proofFailed();
      failedProofs.add(address);
    },
    checkAddress: (address) => failedProofs.check(address),
  });
  return createAgentService({ calls, log });
}

/** Cuts every connection whose certificate names the pod: also one that is no longer valid may have calls under way. */
export function cutOffPod(listener: Pick<GrpcListener, 'closeWhere'>, podUid: string): void {
  listener.closeWhere(
    ({ certificate }) => new X509Certificate(certificate).subjectAltName?.endsWith(`/pod/${podUid}`) === true,
  );
}
