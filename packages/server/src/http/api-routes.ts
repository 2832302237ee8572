/**
 * What each route does: how its body is read, how its caller is proven, which action is asked for, which core call answers.
 * It must never decide anything, nor let a step of receive, prove, permit, act be left out: the types of core see to that.
 * @module
 */
import { directoryOfAdmins, directoryOfKeyset, explain, onceSecretsOf, permit, verifyProof } from '@letterlock/core';
import {
  acknowledgeRequest,
  destroySecretRequest,
  emptyBody,
  enrolRequest,
  envelope,
  explainRequest,
  listSecretsRequest,
  openRequest,
  operationsRequest,
  readClaims,
  readSecretRequest,
  registerRequest,
  ProblemError,
  secretVersionsRequest,
  signedRequest,
  workloadSelectorOf,
  type RouteName,
} from '@letterlock/protocol';
import { ok, permitted, proven, recordingRefusal, requireUnsealed, type Handler } from './handler.ts';
import { buildOpenApi } from './openapi.ts';
import { applySigned, operationTables } from './operations.ts';
import type { UnsealedServices } from './ports.ts';
import { auditRead } from './refusals.ts';

/** The document never changes while the process runs. */
const openApiText = JSON.stringify(buildOpenApi('1'));

/** Outside Kubernetes nothing is there. @throws 'not_found' */
function inKubernetes<T>(part: T | undefined): T {
  if (part === undefined) throw new ProblemError('not_found', { reason: 'kubernetes_not_configured' });
  return part;
}

/** @throws 'not_found', 'unavailable' for a moment after the unseal */
function requireAuthorities({ workloads, authorities }: UnsealedServices) {
  inKubernetes(workloads);
  if (authorities === undefined) throw new ProblemError('unavailable', { reason: 'authorities_opening' });
  return authorities;
}

/** Every route of the table. */
export const apiRoutes: Readonly<Record<RouteName, Handler>> = {
  state: ({ installation, trustDomain }, { servedThumbprint }) => {
    const { state, configuration } = installation;
    const jws = installation.unsealed === undefined ? undefined : installation.stateStatement(servedThumbprint());
    return ok({
      ...(jws === undefined ? {} : { jws }),
      ...(configuration === undefined ? {} : { sik: configuration.sik }),
      state,
      td: trustDomain,
      v: 1,
    });
  },

  nonce: () => ({ status: 200, body: '' }),

  openapi: () => ({ status: 200, body: openApiText }),

  bundle: (services) => ok({ bundle: requireAuthorities(requireUnsealed(services)).bundle() }),

  bindingKey: async (services, { segments }) => {
    const { bindingKeys, bindings } = requireUnsealed(services);
    const [ns, name] = [segments['ns']!, segments['name']!];
    const binding = bindings?.bindingOf(ns, name);
    const recipients = (binding?.serviceAccountNames ?? []).map((sa) =>
      workloadSelectorOf({ td: services.trustDomain, ns, sa }),
    );
    const once = binding === undefined ? [] : onceSecretsOf(binding);
    return ok({ bk: await inKubernetes(bindingKeys).statement(ns, name, { recipients, once }) });
  },

  enrol: proven({
    authentication: 'proof',
    body: enrolRequest,
    directory: ({ keyset }, { readers }) => directoryOfKeyset(readers.keyset(keyset)),
    run: async (exchange) => {
      const { unsealed, proven: who, received } = exchange;
      const keyset = who.caller.keyset!;
      const workloads = inKubernetes(unsealed.workloads);
      const permission = await permitted(exchange, { act: 'workload.enrol', id: keyset.id });
      const { token } = who.request;
      return ok(await workloads.enrol(permission, { keyset, token, sourceAddress: received.channel.remoteAddress }));
    },
  }),

  tokenWriter: proven({
    authentication: 'proof',
    body: enrolRequest,
    directory: ({ keyset }, { readers }) => directoryOfKeyset(readers.keyset(keyset)),
    run: async (exchange) => {
      const { unsealed, proven: who } = exchange;
      const keyset = who.caller.keyset!;
      const tokenWriters = inKubernetes(unsealed.tokenWriters);
      const permission = await permitted(exchange, { act: 'workload.token', id: keyset.id });
      return ok(await tokenWriters.register(permission, { keyset, token: who.request.token }));
    },
  }),

  identity: proven({
    authentication: 'proof-or-mtls',
    run: async (exchange) => {
      const action = { act: 'identity.read', id: exchange.segments['id']! } as const;
      const permission = await permitted(exchange, action);
      return ok(await recordingRefusal(exchange, action, () => exchange.unsealed.identities.read(permission)));
    },
  }),

  register: proven({
    authentication: 'proof',
    body: registerRequest,
    directory: ({ keyset }, { readers }) => directoryOfKeyset(readers.keyset(keyset)),
    run: async (exchange) => {
      // The directory of this request knows one key, so the caller's keyset is the one in the body.
      const keyset = exchange.proven.caller.keyset!;
      const action = { act: 'identity.register', id: keyset.id } as const;
      const permission = await permitted(exchange, action);
      const { created, id, seq } = await recordingRefusal(exchange, action, () =>
        exchange.unsealed.identities.register(permission, exchange.proven, keyset),
      );
      return ok({ id, seq }, created ? 201 : 200);
    },
  }),

  wrap: proven({
    authentication: 'proof-or-mtls',
    body: envelope,
    run: async (exchange) => {
      const { services, unsealed, proven: who } = exchange;
      const read = services.readers.envelope(who.request);
      const { id, path, wrt: writer } = read.header;
      const grants = await unsealed.grants.of(who.caller.id);
      const permission = await permitted(exchange, { act: 'wrap.store', id, path, writer }, grants);
      const { created, rcpt } = await unsealed.wraps.store(permission, exchange.body, read);
      if (created) services.metrics.wrapChanged('stored');
      return ok({ rcpt }, created ? 201 : 200);
    },
  }),

  open: proven({
    authentication: 'proof-or-mtls',
    body: openRequest,
    run: async (exchange) => {
      const permission = await permitted(exchange, { act: 'wrap.open', id: exchange.segments['id']! });
      const delivery = await exchange.unsealed.wraps.open(permission, exchange.proven.request);
      exchange.services.metrics.wrapChanged('delivered');
      return { status: 200, body: delivery };
    },
  }),

  acknowledge: proven({
    authentication: 'proof-or-mtls',
    body: acknowledgeRequest,
    run: async (exchange) => {
      const permission = await permitted(exchange, { act: 'wrap.acknowledge', id: exchange.segments['id']! });
      const receipt = await exchange.unsealed.wraps.acknowledge(permission, exchange.proven.request);
      exchange.services.metrics.wrapChanged('acknowledged');
      return ok(receipt);
    },
  }),

  revoke: proven({
    authentication: 'proof',
    body: emptyBody,
    run: async (exchange) => {
      const { services, unsealed, proven: who, segments } = exchange;
      const grants = await unsealed.grants.of(who.caller.id);
      const permission = await permitted(exchange, { act: 'wrap.revoke', id: segments['id']! }, grants);
      const receipt = await unsealed.wraps.revoke(permission);
      services.metrics.wrapChanged('revoked');
      return ok(receipt);
    },
  }),

  status: proven({
    authentication: 'proof-or-mtls',
    run: async (exchange) => {
      const permission = await permitted(exchange, { act: 'wrap.status', id: exchange.segments['id']! });
      return ok(await exchange.unsealed.wraps.status(permission));
    },
  }),

  writeSecret: proven({
    authentication: 'proof-or-mtls',
    body: envelope,
    run: async (exchange) => {
      const { services, unsealed, proven: who } = exchange;
      const read = services.readers.envelope(who.request);
      const { id, path, wrt: writer } = read.header;
      const grants = await unsealed.grants.of(who.caller.id);
      const permission = await permitted(exchange, { act: 'secret.write', id, path, writer }, grants);
      const { created, rcpt } = await unsealed.secrets.write(permission, exchange.body, read);
      if (created) services.metrics.secretChanged('written');
      return ok({ rcpt }, created ? 201 : 200);
    },
  }),

  readSecret: proven({
    authentication: 'proof-or-mtls',
    body: readSecretRequest,
    run: async (exchange) => {
      const { services, unsealed, proven: who } = exchange;
      const { request, caller } = who;
      const grants = await unsealed.grants.of(caller.id);
      const permission = await permitted(exchange, { act: 'secret.read', path: request.path }, grants);
      const delivery = await unsealed.secrets.read(permission, request);
      services.metrics.secretChanged('read');
      return { status: 200, body: delivery };
    },
  }),

  listSecrets: proven({
    authentication: 'proof',
    body: listSecretsRequest,
    run: async (exchange) => {
      const { unsealed, proven: who } = exchange;
      const { request, caller } = who;
      const grants = await unsealed.grants.of(caller.id);
      const permission = await permitted(exchange, { act: 'secret.list', path: request.path }, grants);
      return ok(await unsealed.secrets.list(permission, request));
    },
  }),

  secretVersions: proven({
    authentication: 'proof',
    body: secretVersionsRequest,
    run: async (exchange) => {
      const { unsealed, proven: who } = exchange;
      const { request, caller } = who;
      const grants = await unsealed.grants.of(caller.id);
      const permission = await permitted(exchange, { act: 'secret.versions', path: request.path }, grants);
      return ok(await unsealed.secrets.versions(permission, request));
    },
  }),

  destroySecret: proven({
    authentication: 'proof',
    body: destroySecretRequest,
    run: async (exchange) => {
      const { services, unsealed, proven: who } = exchange;
      const { request, caller } = who;
      const grants = await unsealed.grants.of(caller.id);
      const permission = await permitted(exchange, { act: 'secret.destroy', path: request.path }, grants);
      const receipt = await unsealed.secrets.destroy(permission, request);
      services.metrics.secretChanged('destroyed');
      return ok(receipt);
    },
  }),

  grants: proven({
    authentication: 'proof',
    run: async (exchange) => {
      const permission = await permitted(exchange, { act: 'grant.list' });
      return ok({ grants: await exchange.unsealed.grants.list(permission) });
    },
  }),

  explain: proven({
    authentication: 'proof',
    body: explainRequest,
    run: async (exchange) => {
      const { services, unsealed, proven: who } = exchange;
      const permission = await permitted(exchange, { act: 'explain' });
      const grants = await unsealed.grants.of(who.request.who);
      await auditRead(services, unsealed.audit, permission);
      return ok(explain({ ...who.request, grants, nowSeconds: services.clock.nowSeconds() }));
    },
  }),

  unsealStatus: async (services, { received }) => {
    const { installation, nonces, clock } = services;
    const result = await verifyProof(received, undefined, {
      authentication: 'proof',
      nonces,
      publicOrigins: services.publicOrigins(),
      directory: directoryOfAdmins(installation.admins()),
      clock,
    });
    const permission = permit({ act: 'unseal.status' }, result, { grants: [], nowSeconds: clock.nowSeconds() });
    const status = installation.unsealStatus(permission.caller.id);
    const acked = await installation.acknowledgedAdmins();
    const ckpt = await installation.lastCheckpoint();
    const token = await installation.attestation();
    return ok({
      ...status,
      ...(acked === undefined ? {} : { acked }),
      ...(ckpt === undefined ? {} : { ckpt }),
      ...(token === undefined ? {} : { token }),
    });
  },

  init: async ({ installation, initialised }, { received, body }) => {
    const { jws } = readClaims(signedRequest, body);
    const transcript = await installation.initialiseByOperation(jws, received);
    await initialised();
    return ok(transcript);
  },

  unseal: async ({ installation, nonces }, { received, body }) => {
    const { jws } = readClaims(signedRequest, body);
    const answer = await installation.giveShare(jws, nonces, received);
    return ok(answer, 'have' in answer ? 202 : 200);
  },

  operation: async (services, { received, body }) =>
    applySigned(operationTables.operation, services, readClaims(operationsRequest, body).ops, received),

  seal: async (services, { received, body }) =>
    applySigned(operationTables.seal, services, readClaims(operationsRequest, body).ops, received),
};
