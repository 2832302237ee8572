/**
 * Opening once by the real service: what is saved when, and what is done with answers that are lost, shared, or not asked for.
 * @module
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createIdentity, type Identity } from '@letterlock/client';
import { reviewedPod } from '@letterlock/core/testing';
import { certificatePem, generateSigningKey, hash43, signReceipt } from '@letterlock/crypto';
import { decodeBase64url, ProblemError } from '@letterlock/protocol';
import { createDirectService } from '../direct-service.ts';
import { createLog } from '../log.ts';
import type { Link } from '../membership.ts';
import { Metrics } from '../metrics.ts';
import { RpcClient } from '../rpc-client.ts';
import { SecretStore, type Offer } from '../secret-store.ts';
import { AgentWorld, enrolToken, eventually, trustDomain, writerToken } from '../testing/agent-world.ts';
import { valuesOf } from '../testing/values.ts';
import { writeSecret } from '../write-secret.ts';
import { OnceFolder } from './once-folder.ts';
import { OnceSecrets } from './once-secrets.ts';
import { acknowledgeOnce, openOnce, refusedOpening, type OpenOnceOptions } from './open-once.ts';

const selector = `spiffe://${trustDomain}/ns/shop/sa/${reviewedPod.serviceAccount}`;
const signal = AbortSignal.timeout(120_000);
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

let world: AgentWorld;
let identity: Identity;
let link: Link;
let folder: OnceFolder;
let offer: Offer;
let clients: RpcClient[] = [];

/** As an agent that has started: a key, a certificate, a connection. */
async function enrol(): Promise<{ readonly identity: Identity; readonly link: Link }> {
  const fresh = createIdentity();
  const trust = world.trust();
  const direct = createDirectService({ origin: world.server.origin, identity: fresh });
  const chain = await direct.enrol(trust, enrolToken, signal);
  const rpc = new RpcClient({
    target: `localhost:${world.grpcPort}`,
    trustDomain,
    key: fresh.signingKey,
    certificates: chain.map((der) => certificatePem(decodeBase64url(der))),
    authorities: trust.authorities,
    nowSeconds,
  });
  clients.push(rpc);
  return { identity: fresh, link: { trust, rpc } };
}

beforeAll(async () => {
  world = await AgentWorld.start();
  world.offer(['token', 'other'], {}, ['token', 'other']);
  ({ identity, link } = await enrol());
}, 60_000);
afterAll(async () => {
  for (const client of clients) client.close();
  clients = [];
  await world.stop();
}, 30_000);

/** A fresh wrap for each test, and an empty volume. */
beforeEach(async () => {
  folder = new OnceFolder(mkdtempSync(join(world.folder, 'volume-')));
  let wrap = '';
  const keys = createDirectService({ origin: world.server.origin, identity });
  const watched: Link = {
    ...link,
    rpc: {
      call: async (...args: Parameters<RpcClient['call']>) => {
        const body = await args[1]();
        const { hdr } = JSON.parse(body) as { hdr: string };
        wrap = (JSON.parse(Buffer.from(decodeBase64url(hdr)).toString()) as { id: string }).id;
        return link.rpc.call(args[0], () => body, args[2]);
      },
    } as unknown as RpcClient,
  };
  const request = { namespace: 'shop', binding: 'orders-db', secret: 'token', writerToken, latest: 0 };
  await writeSecret(
    { ...request, values: valuesOf({ value: 'only once' }) },
    { link: watched, identity, keys, nowSeconds, signal },
  );
  offer = { binding: 'orders-db', secret: 'token', version: 1, wrap, delivery: {} };
});

interface Interference {
  /** Before the request leaves. */
  readonly before?: (method: string, body: string) => void;
  /** After the answer came: to lose it. */
  readonly after?: (method: string) => void;
}

function options(o: Interference & { readonly as?: Identity; readonly over?: Link } = {}): OpenOnceOptions {
  const { as = identity, over = link } = o;
  const call = async (...[method, body, given]: Parameters<RpcClient['call']>) => {
    const reply = await over.rpc.call(
      method,
      async () => {
        const made = await body();
        o.before?.(method, made);
        return made;
      },
      given,
    );
    o.after?.(method);
    return reply;
  };
  const rpc = { call } as unknown as RpcClient;
  return { link: { ...over, rpc }, identity: as, selector, namespace: 'shop', folder, signal };
}

/** The answer to one call of a method gets lost. */
function losing(lost: string): Interference {
  let isLost = false;
  return {
    after: (method) => {
      if (method !== lost || isLost) return;
      isLost = true;
      throw new ProblemError('unavailable', { reason: 'grpc_unavailable' });
    },
  };
}

function secrets(now = nowSeconds): { readonly once: OnceSecrets; readonly lines: string[] } {
  const lines: string[] = [];
  const log = createLog({ level: 'debug', write: (line) => void lines.push(line), now: () => new Date() });
  const common = { selector, namespace: 'shop', log, metrics: new Metrics() };
  return { once: new OnceSecrets({ ...common, folder, identity, nowSeconds: now }), lines };
}

const acts = (): readonly string[] => world.done().filter((act) => act.startsWith('wrap.'));

describe('openOnce()', () => {
  test('has its claim in the volume before the request leaves, and the content before it is acknowledged', async () => {
    const seen: object[] = [];
    const given = options({
      before: (method, body) => {
        const { cid, id, reader, sent } = folder.claimOf(offer, offer.wrap)!;
        const isOwn = id === offer.wrap && reader === identity.id && cid === (JSON.parse(body) as { cid: string }).cid;
        const isSaved = method === 'Open' ? sent.includes(hash43(body)) : folder.placed()[0]?.wrap === offer.wrap;
        seen.push({ method, isOwn, isSaved });
      },
    });
    const { values } = await openOnce(offer, given);
    expect(Buffer.from(values.get('value')!.expose()).toString()).toBe('only once');
    await acknowledgeOnce(offer, given);
    // An attempt without a nonce comes first.
    expect(seen.at(0)).toEqual({ method: 'Open', isOwn: true, isSaved: true });
    expect(seen.at(-1)).toEqual({ method: 'Ack', isOwn: true, isSaved: true });
    expect(seen.filter((each) => !Object.values(each).every(Boolean))).toEqual([]);
    expect(folder.claimOf(offer, offer.wrap)).toBeUndefined();
  });

  test('asks again with the same claim when the answer was lost, and is given the same', async () => {
    await eventually('the write is on record', () => (acts().at(-1) === 'wrap.store ok' ? true : undefined));
    const before = acts().length;
    await expect(openOnce(offer, options(losing('Open')))).rejects.toMatchObject({ code: 'unavailable' });
    const claim = folder.claimOf(offer, offer.wrap)!;
    const { values } = await openOnce(offer, options());
    expect(values.size).toBe(1);
    expect(folder.claimOf(offer, offer.wrap)).toMatchObject({
      cid: claim.cid,
      sent: [...claim.sent, expect.anything()],
    });
    await eventually('both are on record', () => (acts().length >= before + 2 ? true : undefined));
    expect(acts().slice(before)).toEqual(['wrap.open ok', 'wrap.redeliver ok']);
  });

  test('whatever has become of an open that had a millisecond, the claim has it or gets it', async () => {
    const hurried = options();
    const rpc = {
      call: (...[method, body, given]: Parameters<RpcClient['call']>) =>
        hurried.link.rpc.call(method, body, { ...given, timeoutMilliseconds: 1 }),
    } as unknown as RpcClient;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const outcome: unknown = await openOnce(offer, { ...hurried, link: { ...link, rpc } }).catch((error) => error);
      expect(outcome).toMatchObject({ code: 'unavailable', reason: 'grpc_deadline_exceeded' });
    }
    await expect(openOnce(offer, options())).resolves.toMatchObject({ wrap: offer.wrap });
  });

  test('takes no content that was delivered to a request which it did not send', async () => {
    await expect(openOnce(offer, options(losing('Open')))).rejects.toMatchObject({ code: 'unavailable' });
    const claim = folder.claimOf(offer, offer.wrap)!;
    folder.saveClaim(offer, { ...claim, sent: [hash43('another request')] });
    await expect(openOnce(offer, options())).rejects.toMatchObject({ code: 'bad_envelope', reason: 'delivery_shared' });
    expect(folder.placed()).toEqual([]);
  });

  test('takes no content of another secret of the binding', async () => {
    await expect(openOnce({ ...offer, secret: 'other' }, options())).rejects.toMatchObject({
      reason: 'delivery_other_item',
    });
    expect(folder.placed()).toEqual([]);
  });

  test('acknowledges nothing that this start has not claimed', async () => {
    await openOnce(offer, options());
    const before = acts().length;
    await acknowledgeOnce(offer, options({ as: createIdentity() }));
    expect(acts()).toHaveLength(before);
  });
});

describe('OnceSecrets', () => {
  test('acknowledges again when the answer was lost', async () => {
    const { once } = secrets();
    const { link: losingLink } = options(losing('Ack'));
    await once.open(offer, losingLink, signal);
    expect(once.isWaiting).toBe(true);
    await once.acknowledge(losingLink, signal);
    expect(once.isWaiting).toBe(false);
    expect(folder.claimOf(offer, offer.wrap)).toBeUndefined();
  });

  test('does not ask on after an answer that is not right', async () => {
    const { once } = secrets();
    await expect(once.open({ ...offer, secret: 'other' }, link, signal)).rejects.toMatchObject({
      code: 'bad_envelope',
    });
    expect([once.isDue(offer), once.reasonOf(offer)]).toEqual([false, 'Refused']);
    once.keepOnly(new Set());
    expect(once.isDue(offer)).toBe(true);
  });

  test('an earlier start’s content is found, and what is damaged of it is said and left out', () => {
    const { once, lines } = secrets();
    const [binding, wrap] = ['orders-db', 'A'.repeat(22)];
    folder.place({ binding, secret: 'token', wrap, content: Buffer.from('{"value":"YQ"}') });
    folder.place({ binding, secret: 'other', wrap, content: Buffer.from('{"value":') });
    const store = new SecretStore();
    once.restore(store);
    expect(store.held('orders-db/token')).toMatchObject({ version: 1, wrap });
    expect(store.held('orders-db/other')).toBeUndefined();
    expect(lines.join('')).toContain('Could not read what an earlier start had opened');
  });

  test.each([
    { name: 'opened', st: 'OPENED', code: 'gone' as const, reason: 'OnceManyPods', again: false },
    { name: 'burned', st: 'BURNED', code: 'gone' as const, reason: 'OnceManyPods', again: false },
    { name: 'claimed', st: 'CLAIMED', code: 'already_claimed' as const, reason: 'OnceManyPods', again: true },
    { name: 'expired', st: 'EXPIRED', code: 'gone' as const, reason: 'NotWritten', again: false },
    { name: 'revoked', st: 'REVOKED', code: 'gone' as const, reason: 'NotWritten', again: false },
  ])('what is $name waits with the reason $reason, and is tried again: $again', async ({ st, code, reason, again }) => {
    let now = 1000;
    const { once, lines } = secrets(() => now);
    const call = () => Promise.reject(new ProblemError(code, { members: { st, at: 900, kid: 'k'.repeat(43) } }));
    await expect(once.open(offer, { ...link, rpc: { call } as unknown as RpcClient }, signal)).rejects.toMatchObject({
      code,
    });
    expect([once.reasonOf(offer), once.isDue(offer), once.isWaiting]).toEqual([reason, false, again]);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      because: reason,
      state: st,
      at: 900,
      by: 'k'.repeat(43),
      proven: false,
    });
    now += 60;
    expect(once.isDue(offer)).toBe(again);
  });

  // Last: the pod’s first key is no more.
  test('a claim that an earlier start of the container has lost is told from a theft', async () => {
    await expect(openOnce(offer, options(losing('Open')))).rejects.toMatchObject({ code: 'unavailable' });
    await world.services!.workloads.podGone(reviewedPod.podUid);
    const later = await enrol();
    const given = options({ as: later.identity, over: later.link });
    const error: unknown = await openOnce(offer, given).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'already_claimed' });
    expect(refusedOpening(error, offer, given)).toMatchObject({ state: 'CLAIMED', isProven: true, isOwnLoss: true });
    const { members } = error as ProblemError;
    const claims = {
      at: members.at!,
      eh: 'A'.repeat(43),
      id: offer.wrap,
      ph: 'A'.repeat(43),
      rev: 1,
      st: 'CLAIMED' as const,
    };
    const forged = signReceipt(generateSigningKey('P-256'), claims);
    const lie = (change: object) => new ProblemError('already_claimed', { members: { ...members, ...change } });
    for (const change of [{ rcpt: forged }, { st: 'OPENED' }, { at: 1 }, { rcpt: 'x' }]) {
      expect(refusedOpening(lie(change), offer, given)).toMatchObject({ isProven: false });
    }
    expect(refusedOpening(lie({ kid: 'k'.repeat(43) }), offer, given)).toMatchObject({ isOwnLoss: false });
    expect(refusedOpening(new ProblemError('not_found'), offer, given)).toBeUndefined();
  });
});
