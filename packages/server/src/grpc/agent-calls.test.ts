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
  const unsealed = {
    audit,
    secrets,
    wraps: {} as Wraps,
    authorities: world.authorities,
    workloads: world.workloads,
    secondFactor: new SecondFactor({ reviewer: witness, clock, trustDomain }),
    bindings: new FakeBindings(liveBinding({ writers })),
  };
  const calls = createAgentCalls({
    trustDomain,
    installation: {
      requireAcknowledgedShares: async () => {
        if (!gate.isOpen) throw new ProblemError('conflict', { reason: 'shares_unacknowledged' });
      },
    },
    nonces,
    clock,
    unsealed: () => unsealed,
    readEnvelope,
    recordRefusal: async (_, __, { act }) => void refusals.push(act),
    proofFailed: () => undefined,
    checkAddress: () => undefined,
    watchMilliseconds: 5,
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
  const watch = async (told: (count: number) => unknown): Promise<void> => {
    let count = 0;
    const body = Buffer.from('{}');
    const rpc = '/letterlock.v1.Agent/Watch';
    const proof = createProof({
      key: world.agent.sig,
      method: 'POST',
      target: `grpc://${trustDomain}${rpc}`,
      bodyHash: hash43(body),
      nonce: nonces.issue(),
      iat: clock.nowSeconds(),
    });
    const caller = { certificate, remoteAddress: '10.244.0.17' } as Parameters<typeof calls.watch>[0]['caller'];
    const given = {
      body,
      proof,
      caller,
      path: rpc,
      writerToken: undefined,
      requestId: 'call-2',
      bodyHash: hash43(body),
    };
    await calls.watch(given, () => void told((count += 1)), AbortSignal.timeout(5000));
  };
  return {
    call,
    clock,
    watch,
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

  test.each([
    { name: 'in its last second', seconds: 3600, code: undefined },
    { name: 'once it has ended', seconds: 3601, code: 'bad_proof' },
  ])('a certificate $name: $code', async ({ seconds, code }) => {
    const { call, clock, envelope } = await callsOf({ isOpen: true });
    clock.advance(seconds);
    const outcome = await call('Write', envelope).then(
      () => undefined,
      (error: { readonly code: string }) => error.code,
    );
    // The envelope is an hour old by then, which is another matter.
    expect(outcome === 'bad_envelope' ? undefined : outcome).toBe(code);
  });

  test('a stream ends with the certificate that it began with', async () => {
    const { watch, clock } = await callsOf({ isOpen: true });
    // Everything has been told with the second event.
    const watching = watch((count) => count === 2 && clock.advance(3601));
    await expect(watching).rejects.toMatchObject({ code: 'bad_proof' });
  });

  test('stores nothing before, and says so on record', async () => {
    const { call, envelope, refusals, latest } = await callsOf({ isOpen: false });
    const before = (await latest()).entries.length;
    await expect(call('Write', envelope)).rejects.toMatchObject({ reason: 'shares_unacknowledged' });
    expect(refusals).toEqual(['secret.write']);
    expect((await latest()).entries).toHaveLength(before);
  });
});
