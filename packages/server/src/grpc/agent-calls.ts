/**
 * What each method of the agent does: whose certificate it is, proof by its key, permission by the live binding, the core call.
 * It must never take an identity from a certificate that is not valid at this very call, nor from one whose pod's row is gone.
 * @module
 */
import {
  isStoring,
  permit,
  verifyProof,
  type Action,
  type ActionName,
  type ActionOf,
  type AuditTrail,
  type Caller,
  type Clock,
  type Installation,
  type LiveBindings,
  type NonceAuthority,
  type Permitted,
  type Proven,
  type Received,
  type SecondFactor,
  type Secrets,
  type WorkloadAuthorities,
  type Workloads,
  type Wraps,
} from '@letterlock/core';
import {
  agentAcknowledgeRequest,
  agentOpenRequest,
  canonicalize,
  emptyBody,
  envelope,
  ProblemError,
  readClaims,
  readSecretRequest,
  renewRequest,
  type Envelope,
  type Reader,
} from '@letterlock/protocol';
import type { AgentCall, AgentCalls } from './agent-service.ts';
import { WatchHub } from './watch-hub.ts';

/** What exists only while unsealed. */
export interface UnsealedAgentServices {
  readonly audit: AuditTrail;
  readonly secrets: Secrets;
  readonly wraps: Wraps;
  readonly authorities: Pick<WorkloadAuthorities, 'parse'>;
  readonly workloads: Pick<Workloads, 'directoryOf' | 'renew'>;
  readonly secondFactor: SecondFactor;
  readonly bindings: LiveBindings;
}

export interface AgentServices {
  readonly trustDomain: string;
  readonly installation: Pick<Installation, 'requireAcknowledgedShares'>;
  readonly nonces: NonceAuthority;
  readonly clock: Clock;
  /** Undefined while sealed. */
  readonly unsealed: () => UnsealedAgentServices | undefined;
  /** @throws 'bad_envelope' */
  readonly readEnvelope: (given: Envelope) => Parameters<Secrets['write']>[2];
  /** Leaves a record of what a proven caller was refused. */
  readonly recordRefusal: (audit: AuditTrail, caller: Caller, action: Action, error: unknown) => Promise<void>;
  readonly proofFailed: (address: string) => void;
  /** @throws 'rate' */
  readonly checkAddress: (address: string) => void;
  /** How often versions are looked at for who watches, milliseconds. Default 1000. */
  readonly watchMilliseconds?: number;
}

interface Exchange<T> {
  readonly unsealed: UnsealedAgentServices;
  readonly proven: Proven<T>;
  readonly received: Received;
  readonly call: AgentCall;
}

const watchMilliseconds = 1000;

export function createAgentCalls(services: AgentServices): AgentCalls {
  const { nonces, proofFailed, checkAddress, clock } = services;

  const prove = async <T>(reader: Reader<T>, call: AgentCall): Promise<Exchange<T>> => {
    const unsealed = services.unsealed();
    if (unsealed === undefined) throw new ProblemError('sealed');
    const svid = unsealed.authorities.parse(call.caller.certificate);
    const request = readClaims(reader, call.body);
    const { requestId, path, bodyHash, proof, writerToken } = call;
    const received: Received = {
      requestId,
      method: 'POST',
      path,
      bodyHash,
      proof,
      ...(writerToken === undefined ? {} : { writerToken }),
      channel: {
        listener: 'agent',
        exporter: undefined,
        clientKey: svid.key,
        remoteAddress: call.caller.remoteAddress,
      },
    };
    const proven = await verifyProof(received, request, {
      authentication: 'proof',
      nonces,
      publicOrigins: [`grpc://${services.trustDomain}`],
      directory: unsealed.workloads.directoryOf(svid),
      clock,
    });
    return { unsealed, proven, received, call };
  };

  const permitted = async <N extends ActionName>(
    { unsealed, proven }: Pick<Exchange<unknown>, 'unsealed' | 'proven'>,
    action: ActionOf<N>,
  ): Promise<Permitted<N>> => {
    try {
      const world = { grants: [], nowSeconds: clock.nowSeconds(), bindings: unsealed.bindings };
      const permission = permit<N>(action, proven, world);
      if (isStoring(action.act)) await services.installation.requireAcknowledgedShares();
      return permission;
    } catch (error) {
      await services.recordRefusal(unsealed.audit, proven.caller, action, error);
      throw error;
    }
  };

  /** Both factors. A refusal of the second one is on record like any other. */
  const withBothFactors = async <T>(exchange: Exchange<T>, action: Action): Promise<Proven<T>> => {
    const { unsealed, proven, received } = exchange;
    try {
      return await unsealed.secondFactor.prove(proven, received);
    } catch (error) {
      await services.recordRefusal(unsealed.audit, proven.caller, action, error);
      throw error;
    }
  };

  const hub = new WatchHub({
    everyMilliseconds: services.watchMilliseconds ?? watchMilliseconds,
    isUnsealed: (unsealed) => services.unsealed() === unsealed,
  });

  return {
    issueNonce: () => nonces.issue(),
    proofFailed,
    checkAddress,
    watch: async (call, emit, signal) => {
      const { unsealed, proven } = await prove(emptyBody, call);
      const { workload } = proven.caller;
      if (workload === undefined) throw new ProblemError('denied', { reason: 'not_a_workload' });
      await hub.follow({
        unsealed,
        // The certificate is judged again at each look, and the row of the pod with it.
        stillKnown: async () => {
          const svid = unsealed.authorities.parse(call.caller.certificate);
          return (await unsealed.workloads.directoryOf(svid).find(proven.caller.id)) !== undefined;
        },
        permissions: () => {
          if (!unsealed.bindings.isCurrent()) throw new ProblemError('unavailable', { reason: 'watch_down' });
          const world = { grants: [], nowSeconds: clock.nowSeconds(), bindings: unsealed.bindings };
          return unsealed.bindings.bindingsIn(workload.ns).flatMap((binding) =>
            binding.secrets.flatMap(({ name }) => {
              const path = `k8s/${binding.namespace}/${binding.name}/${name}`;
              try {
                const permission = permit<'secret.read'>({ act: 'secret.read', path }, proven, world);
                return [{ binding, secret: name, permission }];
              } catch {
                return [];
              }
            }),
          );
        },
        emit,
        signal,
      });
    },
    answer: {
      Renew: async (call) => {
        const exchange = await prove(renewRequest, call);
        const { proven, unsealed } = exchange;
        const permission = await permitted<'workload.renew'>(exchange, { act: 'workload.renew', id: proven.caller.id });
        const { token } = proven.request;
        const answer = await unsealed.workloads.renew(permission, { token, sourceAddress: call.caller.remoteAddress });
        return canonicalize({ ...answer });
      },
      Read: async (call) => {
        const exchange = await prove(readSecretRequest, call);
        const { path, rpk } = exchange.proven.request;
        // A delivery to a workload is for this one request: without a fresh key it would be for the pod's whole life.
        if (rpk === undefined) throw new ProblemError('bad_encoding', { reason: 'rpk_missing' });
        const permission = await permitted<'secret.read'>(exchange, { act: 'secret.read', path });
        return exchange.unsealed.secrets.read(permission, exchange.proven.request);
      },
      Open: async (call) => {
        const exchange = await prove(agentOpenRequest, call);
        const { id, rpk } = exchange.proven.request;
        if (rpk === undefined) throw new ProblemError('bad_encoding', { reason: 'rpk_missing' });
        const permission = await permitted<'wrap.open'>(exchange, { act: 'wrap.open', id });
        return exchange.unsealed.wraps.open(permission, exchange.proven.request);
      },
      Ack: async (call) => {
        const exchange = await prove(agentAcknowledgeRequest, call);
        const { id } = exchange.proven.request;
        const permission = await permitted<'wrap.acknowledge'>(exchange, { act: 'wrap.acknowledge', id });
        return canonicalize({ ...(await exchange.unsealed.wraps.acknowledge(permission, exchange.proven.request)) });
      },
      Write: async (call) => {
        const exchange = await prove(envelope, call);
        const read = services.readEnvelope(exchange.proven.request);
        const { id, path, wrt: writer, kind } = read.header;
        const act = kind === 'kv' ? 'secret.write' : 'wrap.store';
        const proven = await withBothFactors(exchange, { act, id, path, writer });
        const { unsealed } = exchange;
        if (act === 'secret.write') {
          const permission = await permitted<'secret.write'>({ unsealed, proven }, { act, id, path, writer });
          const { rcpt } = await unsealed.secrets.write(permission, call.body, read);
          hub.noticed(path);
          return canonicalize({ rcpt });
        }
        const permission = await permitted<'wrap.store'>({ unsealed, proven }, { act, id, path, writer });
        const { rcpt } = await unsealed.wraps.store(permission, call.body, read);
        hub.noticed(path);
        return canonicalize({ rcpt });
      },
    },
  };
}
