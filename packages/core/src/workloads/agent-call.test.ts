/**
 * One call of an agent from the handshake to the store, as the listener for agents composes it; each row takes one thing away.
 * @module
 */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createProof, hash43, importSealingKey, readEnvelope, sealEnvelope, type SigningKey } from '@letterlock/crypto';
import { canonicalBytes, decodeBase64url, encodeUtf8 } from '@letterlock/protocol';
import { permit } from '../policy/index.ts';
import { FakeBindings, liveBinding } from '../policy/testing/fake-bindings.ts';
import { NonceAuthority, SecondFactor, verifyProof, type Received } from '../proof/index.ts';
import { reviewedPod } from '../proof/testing/token-reviews.ts';
import { Secrets } from '../secrets/secrets.ts';
import { makeParty, type Party } from '../wraps/testing/wrap-world.ts';
import { BindingKeys } from './binding-keys.ts';
import { podOf, trustDomain, WorkloadsWorld } from './testing/workloads-world.ts';

const writeToken = 'the application’s token';
const path = 'k8s/shop/orders-db/db';

describe('a write by an agent', () => {
  let world: WorkloadsWorld;
  let nonces: NonceAuthority;
  let secondFactor: SecondFactor;
  let secrets: Secrets;
  let certificate: Uint8Array;
  let body: Uint8Array;
  const bindings = new FakeBindings(
    liveBinding({
      writers: {
        serviceAccounts: [{ namespace: 'shop', name: 'orders', secrets: ['db'], factor: 'Sidecar' }],
        identities: [],
      },
    }),
  );

  beforeEach(async () => {
    world = await WorkloadsWorld.make();
    const { clock, witness, store, barrier, audit, instanceKey } = world;
    nonces = new NonceAuthority({ replicaId: new Uint8Array(8), clock });
    secondFactor = new SecondFactor({ reviewer: witness, clock, trustDomain });
    witness.tokens.set(writeToken, { facts: reviewedPod, audience: `letterlock-write:${trustDomain}` });
    const keys = new BindingKeys({ store, barrier, audit, clock, instanceKey });
    secrets = new Secrets({
      store,
      barrier,
      audit,
      clock,
      instanceKey,
      directory: { currentKeyset: () => Promise.resolve(undefined) },
      quota: { liveSecretVersionsPerIdentity: 10 },
      bindings: { trustDomain, keys },
    });
    certificate = decodeBase64url((await world.enrol()).chain[0]!);
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
    body = canonicalBytes(envelope);
  });

  interface Call {
    readonly signer?: SigningKey;
    readonly token?: string | undefined;
    readonly namedToken?: string | undefined;
    readonly method?: string;
    readonly presented?: Uint8Array;
  }

  async function write(change: Call = {}): Promise<string> {
    const token = 'token' in change ? change.token : writeToken;
    const named = 'namedToken' in change ? change.namedToken : token;
    const svid = world.authorities.parse(change.presented ?? certificate);
    const rpc = '/letterlock.v1.Agent/Write';
    const received: Received = {
      requestId: 'call-1',
      method: 'POST',
      path: rpc,
      bodyHash: hash43(body),
      proof: createProof({
        key: change.signer ?? world.agent.sig,
        method: 'POST',
        target: `grpc://${trustDomain}${change.method ?? rpc}`,
        bodyHash: hash43(body),
        nonce: nonces.issue(),
        iat: world.clock.nowSeconds(),
        ...(named === undefined ? {} : { writerTokenHash: hash43(named) }),
      }),
      writerToken: token,
      channel: { listener: 'agent', exporter: undefined, clientKey: svid.key, remoteAddress: '10.244.0.17' },
    };
    const read = readEnvelope(JSON.parse(Buffer.from(body).toString()) as never);
    const proven = await verifyProof(received, undefined, {
      authentication: 'proof',
      nonces,
      publicOrigins: [`grpc://${trustDomain}`],
      directory: world.workloads.directoryOf(svid),
      clock: world.clock,
    });
    const both = token === undefined ? proven : await secondFactor.prove(proven, received);
    const { id, wrt: writer } = read.header;
    const permission = permit<'secret.write'>({ act: 'secret.write', id, path, writer }, both, {
      grants: [],
      nowSeconds: world.clock.nowSeconds(),
      bindings,
    });
    await secrets.write(permission, body, read);
    const { factor } = (await world.records()).at(-1)!;
    return factor;
  }

  const refused = (code: string, reason: string): unknown => expect.objectContaining({ code, reason });

  test('is stored, and recorded with both factors', async () => {
    await expect(write()).resolves.toBe('svid-token');
  });

  const stranger: Party = makeParty();
  test.each([
    {
      name: 'the certificate without the token',
      change: { token: undefined },
      is: ['denied', 'second_factor_missing'],
    },
    {
      name: 'a token that the proof does not name',
      change: { namedToken: undefined },
      is: ['bad_proof', 'proof_token_mismatch'],
    },
    {
      name: 'another’s proof on the agent’s connection',
      change: { signer: stranger.sig },
      is: ['bad_proof', 'key_unknown'],
    },
    {
      name: 'a proof for another method',
      change: { method: '/letterlock.v1.Agent/Read' },
      is: ['bad_proof', 'proof_target_mismatch'],
    },
    {
      name: 'the enrolment token as the application’s',
      change: { token: 'the token of the pod' },
      is: ['denied', 'token_not_authenticated'],
    },
  ])('is refused with $name', async ({ change, is: [code, reason] }) => {
    await expect(write(change)).rejects.toEqual(refused(code!, reason!));
  });

  test('is refused with the token of another pod', async () => {
    const podUid = 'ffffffff-2b39-4c52-9c0e-5a1f7d3e8b60';
    const audience = `letterlock-write:${trustDomain}`;
    world.witness.tokens.set('other', { facts: { ...reviewedPod, podUid }, audience });
    await expect(write({ token: 'other' })).rejects.toEqual(refused('denied', 'token_other_pod'));
  });

  test('is refused at once when the pod is deleted, while its certificate is still valid', async () => {
    await world.workloads.podGone(reviewedPod.podUid);
    expect(world.authorities.parse(certificate).key.thumbprint).toBe(world.agent.id);
    await expect(write()).rejects.toEqual(refused('bad_proof', 'key_unknown'));
  });

  test('is refused to the certificate of a start that is over', async () => {
    const restarted = makeParty();
    world.show(podOf({ agent: { container: 'containerd://2', restarts: 1 } }));
    await world.enrol(restarted);
    await expect(write()).rejects.toEqual(refused('bad_proof', 'key_unknown'));
  });

  test('is refused when the certificate has ended', async () => {
    world.clock.advance(3601);
    await expect(write()).rejects.toEqual(refused('bad_proof', 'cert_expired'));
  });

  test('is refused with a certificate that nobody of ours has signed', async () => {
    const other = await WorkloadsWorld.make();
    const foreign = decodeBase64url((await other.enrol(world.agent)).chain[0]!);
    await expect(write({ presented: foreign })).rejects.toEqual(refused('bad_proof', 'cert_chain'));
  });
});
