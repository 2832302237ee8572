import { describe, expect, test } from '@jest/globals';
import { BindingKeys, NonceAuthority, SecondFactor, Secrets, type Wraps } from '@letterlock/core';
import { FakeBindings, injectionSettings, liveBinding, reviewedPod, WorkloadsWorld } from '@letterlock/core/testing';
import { createProof, hash43, importSealingKey, readEnvelope, sealEnvelope } from '@letterlock/crypto';
import { canonicalize, decodeBase64url, encodeUtf8, ProblemError, type JcsObject } from '@letterlock/protocol';
import { createAgentCalls } from './agent-calls.ts';
import type { AgentMethod } from './agent-definition.ts';

const { trustDomain } = injectionSettings;
const token = 'the application’s token';
const path = 'k8s/shop/orders-db/db';

/** The calls over core's own parts, with the gate of the shares as it is told. */
async function callsOf(gate: { readonly isOpen: boolean }) {
  const world = await WorkloadsWorld.make();
  const { clock, witness, store, barrier, audit, instanceKey } = world;
  witness.tokens.set(token, { facts: reviewedPod, audience: `letterlock-write:${trustDomain}` });
  const nonces = new NonceAuthority({ replicaId: new Uint8Array(8), clock });
  const keys = new BindingKeys({ store, barrier, audit, clock, instanceKey });
  const secrets = new Secrets({
    store,
    barrier,
    audit,
    clock,
    instanceKey,
    directory: { currentKeyset: () => Promise.resolve(undefined) },
    quota: { liveSecretVersionsPerIdentity: 10 },
    bindings: { trustDomain, keys },
  });
  const [namespace, name] = ['shop', 'orders'];
  const writers = {
    serviceAccounts: [{ namespace, name, secrets: ['db'], factor: 'Sidecar' as const }],
    identities: [],
  };
  const refusals: string[] = [];
  const calls = createAgentCalls({
    trustDomain,
    installation: {
      requireAcknowledgedShares: async () => {
        if (!gate.isOpen) throw new ProblemError('conflict', { reason: 'shares_unacknowledged' });
      },
    },
    nonces,
    clock,
    unsealed: () => ({
      audit,
      secrets,
      wraps: {} as Wraps,
      authorities: world.authorities,
      workloads: world.workloads,
      secondFactor: new SecondFactor({ reviewer: witness, clock, trustDomain }),
      bindings: new FakeBindings(liveBinding({ writers })),
    }),
    readEnvelope,
    recordRefusal: async (_, __, { act }) => void refusals.push(act),
    proofFailed: () => undefined,
    checkAddress: () => undefined,
  });
  const certificate = decodeBase64url((await world.enrol()).chain[0]!);
  const { envelope } = await sealEnvelope({
    header: {
      kind: 'kv',
      mode: 'svc',
      path,
      ver: 1,
      iat: clock.nowSeconds(),
      rcp: [`spiffe://${trustDomain}/ns/shop/sa/orders`],
      bnd: 'shop/orders-db',
    },
    content: encodeUtf8('content'),
    recipients: [importSealingKey((await keys.ensure('shop', 'orders-db')).jwk)],
    writer: world.agent.sig,
  });
  const call = (method: AgentMethod, document: JcsObject): Promise<string> => {
    const body = Buffer.from(canonicalize(document));
    const rpc = `/letterlock.v1.Agent/${method}`;
    const proof = createProof({
      key: world.agent.sig,
      method: 'POST',
      target: `grpc://${trustDomain}${rpc}`,
      bodyHash: hash43(body),
      nonce: nonces.issue(),
      iat: clock.nowSeconds(),
      writerTokenHash: hash43(token),
    });
    const caller = { certificate, remoteAddress: '10.244.0.17' } as Parameters<typeof calls.answer.Write>[0]['caller'];
    return calls.answer[method]({
      body,
      proof,
      caller,
      path: rpc,
      writerToken: token,
      requestId: 'call-1',
      bodyHash: hash43(body),
    });
  };
  return {
    call,
    envelope: envelope as unknown as JcsObject,
    refusals,
    latest: () => store.range({ prefix: '', limit: 1000 }),
  };
}

describe('createAgentCalls()', () => {
  test('writes once every admin has acknowledged its share', async () => {
    const { call, envelope } = await callsOf({ isOpen: true });
    await expect(call('Write', envelope)).resolves.toContain('rcpt');
  });

  test('stores nothing before, and says so on record', async () => {
    const { call, envelope, refusals, latest } = await callsOf({ isOpen: false });
    const before = (await latest()).entries.length;
    await expect(call('Write', envelope)).rejects.toMatchObject({ reason: 'shares_unacknowledged' });
    expect(refusals).toEqual(['secret.write']);
    expect((await latest()).entries).toHaveLength(before);
  });
});
