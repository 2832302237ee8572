/**
 * Two rotations of the authorities in a running server, with lives of seconds: a pod reads and writes all the time, and a
 * certificate is good until it ends and comes from the authority that signs.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createIdentity, type Identity } from '@letterlock/client';
import { certificatePem, openBundle, readCertificate, type VerifyingKey } from '@letterlock/crypto';
import { canonicalize, decodeBase64url, enrolResponse, readClaims } from '@letterlock/protocol';
import { podOf, reviewedPod } from '@letterlock/core/testing';
import { createDirectService } from './direct-service.ts';
import { RpcClient } from './rpc-client.ts';
import { AgentWorld, eventually, target, trustDomain, writerToken, type RunningAgent } from './testing/agent-world.ts';

/** Published five seconds after the last one was made, signing three later, the old one gone ten after that. */
const authorityTimes = { leaf: 6, published: 3, retired: 10, lifetime: 60, renewBefore: 55 };
const secondPod = { ...reviewedPod, podName: 'orders-2', podUid: '1f4a1c7e-2b39-4c52-9c0e-5a1f7d3e8b62' };
const secondToken = 'the token of the second pod';

let world: AgentWorld;
let agent: RunningAgent;
let identity: Identity;

beforeAll(async () => {
  world = await AgentWorld.start({}, { authorityTimes });
  const { podName: name, podUid: uid } = secondPod;
  world.witness.pods.set(`shop/${name}`, podOf({ metadata: { name, uid } }));
  world.witness.tokens.set(secondToken, { facts: secondPod, audience: `letterlock-enrol:${trustDomain}` });
  identity = createIdentity();
  agent = world.startAgent({ isWriter: true });
}, 60_000);
afterAll(() => world.stop(), 30_000);

const authorities = () => world.services!.authorities;
const signer = (): VerifyingKey => authorities().trusted[0]!.read.key;
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** The pod's application writes, and finds it in its file. */
async function writeAndRead(password: string): Promise<void> {
  const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
  const { status, body } = await agent.ask('PUT', target('db'), { headers, body: JSON.stringify({ password }) });
  expect({ status, body: status === 201 ? '' : body }).toEqual({ status: 201, body: '' });
  await eventually(`the file says ${password}`, () =>
    readFileSync(agent.path('db/password'), 'utf8') === password ? true : undefined,
  );
}

/** Writes and reads until the bundle has this number. */
async function useUntil(seq: number): Promise<void> {
  for (let writes = 1; authorities().seq < seq; writes += 1) await writeAndRead(`${seq}-${writes}`);
}

/** The bundle as it is signed now. */
const bundle = () =>
  openBundle(authorities().bundle(), world.trust().instanceKey, { nowSeconds: nowSeconds(), leastSeq: 0 });

interface Membership {
  readonly chain: readonly string[];
  readonly leaf: ReturnType<typeof readCertificate>;
}
function membershipOf(chain: readonly string[]): Membership {
  const pems = chain.map((der) => certificatePem(decodeBase64url(der)));
  return { chain: pems, leaf: readCertificate(pems[0]!) };
}
const isSignedBy = ({ leaf }: Membership, { keyObject }: VerifyingKey): boolean => leaf.certificate.verify(keyObject);

function connect({ chain }: Membership): RpcClient & Disposable {
  const client = new RpcClient({
    target: `localhost:${world.grpcPort}`,
    trustDomain,
    key: identity.signingKey,
    certificates: chain,
    authorities: world.trust().authorities,
    nowSeconds,
  });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

async function renew(present: Membership): Promise<Membership> {
  using rpc = connect(present);
  const body = (): string => canonicalize({ token: secondToken });
  const reply = await rpc.call('Renew', body, { signal: AbortSignal.timeout(5000) });
  return membershipOf(readClaims(enrolResponse, reply.body).chain);
}

test('agents keep reading and writing over two rotations, and each certificate is good until it ends', async () => {
  await eventually('the agent is enrolled', () => agent.lines.find((line) => line.includes('"Enrolled"')));
  await eventually('there is a file', async () => {
    const headers = { 'content-type': 'application/json', 'letterlock-writer-token': writerToken };
    await agent.ask('PUT', target('db'), { headers, body: '{"password":"first"}' });
    return existsSync(agent.path('db/password')) ? true : undefined;
  });
  const began = { first: signer(), process: agent.processId };

  await useUntil(2);
  expect(bundle()).toMatchObject({ seq: 2, certs: [expect.any(String), expect.any(String)], past: [] });
  // Shown, and not signing yet.
  expect(signer().thumbprint).toBe(began.first.thumbprint);
  const direct = createDirectService({ origin: world.server.origin, identity });
  let old = membershipOf(await direct.enrol(world.trust(), secondToken, AbortSignal.timeout(10_000)));
  expect(isSignedBy(old, began.first)).toBe(true);
  while (authorities().seq < 3) {
    await writeAndRead(`shown-${nowSeconds()}`);
    const next = await renew(old);
    // The newest that the old authority signs.
    if (isSignedBy(next, began.first)) old = next;
  }

  expect(signer().thumbprint).not.toBe(began.first.thumbprint);
  expect(bundle()).toMatchObject({ seq: 3, certs: [expect.any(String), expect.any(String)] });
  expect(isSignedBy(old, began.first)).toBe(true);
  // Good until it ends, and what it is exchanged for comes from the new one alone.
  const fresh = await renew(old);
  expect(isSignedBy(fresh, signer())).toBe(true);
  expect(Date.parse(old.leaf.certificate.validTo)).toBeGreaterThan(Date.now());
  await eventually('the old certificate has ended', async () => {
    await writeAndRead(`ending-${Date.now()}`);
    return Date.parse(old.leaf.certificate.validTo) + 1000 < Date.now() ? true : undefined;
  });
  await expect(renew(old)).rejects.toMatchObject({ name: 'ProblemError' });

  await useUntil(4);
  expect(bundle()).toMatchObject({ seq: 4, certs: [expect.any(String)], past: [expect.any(String)] });
  const second = signer();
  await useUntil(6);
  expect(signer().thumbprint).not.toBe(second.thumbprint);
  await writeAndRead('after-two-rotations');

  const { body } = await agent.ask('GET', '/metrics');
  expect(body).toMatch(/^letterlock_agent_write_failures_total 0$/m);
  expect({ process: agent.processId, exit: agent.exitCode }).toEqual({ process: began.process, exit: null });
  expect(world.alarms).toEqual([]);
}, 120_000);
