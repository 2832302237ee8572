import { beforeEach, describe, expect, test } from '@jest/globals';
import { canonicalBytes, type Grant } from '@letterlock/protocol';
import { byMtls, makeParty } from '../wraps/testing/wrap-world.ts';
import {
  path,
  reader,
  receiptOf,
  replica,
  SecretsWorld,
  stranger,
  writer,
  type VersionChange,
} from './testing/secrets-world.ts';
import { envelopePath, latestKey, versionKey } from './secret-record.ts';

let world: SecretsWorld;
beforeEach(() => {
  world = new SecretsWorld();
});

async function lastRecord() {
  return (await world.recordsOf()).at(-1);
}

describe('Secrets.write()', () => {
  test('stores a version and signs a receipt, recorded in the same transaction', async () => {
    const made = await world.make(1);
    const before = world.store.calls;
    const { created, receipt } = await world.write(made);
    expect(created).toBe(true);
    expect(receipt).toMatchObject({ id: made.read.header.id, eh: made.read.eh, ph: made.read.ph, st: 'STORED' });
    expect(world.store.calls - before).toBe(2);
    expect(await lastRecord()).toMatchObject({
      act: 'secret.write',
      obj: `secret/${path}#1`,
      who: writer.id,
      outcome: 'ok',
    });
  });

  test('takes the version of a writer without a network: any that is higher', async () => {
    await world.writeAll([3, 1_790_000_000]);
    expect(await world.contentOf()).toBe('content 1790000000');
  });

  test.each([
    { name: 'the same version', ver: 5 },
    { name: 'a lower version that was never used', ver: 4 },
    { name: 'a lower version that was used', ver: 2 },
  ])('refuses $name, and tells the latest', async ({ ver }) => {
    await world.writeAll([2, 5]);
    await expect(world.write(await world.make(ver))).rejects.toMatchObject({
      code: 'conflict',
      reason: 'version_not_higher',
      members: { ver: 5 },
    });
    expect(await world.contentOf()).toBe('content 5');
    expect((await world.recordsOf()).filter((record) => record?.outcome === 'refused')).toHaveLength(1);
  });

  test('answers the same write again as the first, also when a higher version came between', async () => {
    const made = await world.make(1);
    const first = await world.write(made);
    expect(await world.write(made)).toMatchObject({
      created: false,
      receipt: { rev: first.receipt.rev, st: 'STORED' },
    });
    await world.writeAll([2]);
    expect(await world.write(made)).toMatchObject({ created: false, receipt: { rev: first.receipt.rev } });
  });

  test('refuses the same content by another writer, whose envelope it is not', async () => {
    await world.writeAll([1]);
    await expect(world.write(await world.make(1, { by: reader }), reader)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('does not take a version again after all were destroyed', async () => {
    await world.writeAll([1]);
    await world.destroy(1);
    await expect(world.write(await world.make(1))).rejects.toMatchObject({ code: 'conflict', members: { ver: 1 } });
  });

  const unregistered = makeParty();
  const now = 1_790_000_000;
  test.each<{ name: string; change: VersionChange; code: string; reason: string }>([
    {
      name: 'a one-time envelope',
      change: { kind: 'once', exp: now + 60, win: 60 },
      code: 'bad_envelope',
      reason: 'kind_not_served',
    },
    {
      name: 'a time of writing too far away',
      change: { iat: now - 301 },
      code: 'bad_envelope',
      reason: 'issued_at_skew',
    },
    { name: 'an expiry that is over', change: { exp: now }, code: 'bad_envelope', reason: 'envelope_expired' },
    {
      name: 'a recipient that nobody knows',
      change: { to: [reader, unregistered] },
      code: 'unknown_recipient',
      reason: 'recipient_not_registered',
    },
    {
      name: 'a second slot that is not for the current key',
      change: { to: [reader, stranger], slotsFor: [reader.keyset.enc, unregistered.keyset.enc] },
      code: 'unknown_recipient',
      reason: 'recipient_key_not_current',
    },
  ])('refuses $name', async ({ change, code, reason }) => {
    await expect(world.write(await world.make(1, change))).rejects.toMatchObject({ code, reason });
    expect(await lastRecord()).toMatchObject({ act: 'secret.write', outcome: 'refused', reason });
  });

  test('takes sixteen recipients, each with its own slot', async () => {
    const parties = Array.from({ length: 16 }, () => makeParty());
    for (const { id, keyset } of parties) world.keysets.set(id, keyset);
    await world.writeAll([1], { to: parties });
    expect(await world.contentOf({}, parties[15])).toBe('content 1');
    expect(await world.contentOf({}, parties[0])).toBe('content 1');
  });

  test('leaves no name in the store', async () => {
    await world.writeAll([1, 2]);
    const raw = (await world.memory.range({ prefix: '', limit: 100 })).entries
      .map(({ key, value }) => key + Buffer.from(value).toString('latin1'))
      .join('');
    for (const name of ['team-a', 'password', 'secret/', writer.id]) expect(raw).not.toContain(name);
  });
});

describe('Secrets.read()', () => {
  beforeEach(() => world.writeAll([1, 2]));

  test.each([
    { name: 'the latest', request: {}, content: 'content 2' },
    { name: 'an older version', request: { ver: 1 }, content: 'content 1' },
  ])('delivers $name', async ({ request, content }) => {
    expect(await world.contentOf(request)).toBe(content);
  });

  test('says READ, to this reader, for this request, and nothing of a claim', async () => {
    const { answer, nonce } = await world.read();
    const dlv = JSON.parse(Buffer.from(answer.dlv.split('.')[1]!, 'base64url').toString()) as object;
    expect(dlv).toMatchObject({ st: 'READ', kid: reader.id, nonce, at: world.clock.nowSeconds() });
    expect(Object.keys(dlv).toSorted()).toEqual(['at', 'ds', 'eh', 'id', 'kid', 'nonce', 'ph', 'st']);
  });

  test('by mTLS goes to the registered key, without a nonce', async () => {
    const permitted = world.permit<'secret.read'>({ act: 'secret.read', path }, reader, { caller: byMtls });
    const answer = JSON.parse(await world.secrets.read(permitted, { path })) as { readonly dslot: string };
    const { kid } = JSON.parse(Buffer.from(answer.dslot.split('.')[0]!, 'base64url').toString()) as { kid: string };
    expect(kid).toBe(reader.enc.thumbprint);
    await expect(world.read({}, reader, byMtls)).rejects.toMatchObject({ code: 'bad_encoding', reason: 'rpk_by_mtls' });
  });

  test('is recorded in the transaction that gives the envelope', async () => {
    await world.read({ ver: 1 });
    expect(await lastRecord()).toMatchObject({
      act: 'secret.read',
      obj: `secret/${path}#1`,
      who: reader.id,
      outcome: 'ok',
    });
  });

  test('reads no envelope before its record is stored', async () => {
    const envelopeKey = world.barrier.keyOf(envelopePath(path, 2));
    const auditParent = `${world.barrier.keyOf('au')}/`;
    const spy = { early: 0, together: 0 };
    const secrets = world.replica('BBBBBBBBBBB', {
      range: (request) => {
        if ('key' in request && request.key === envelopeKey) spy.early += 1;
        return world.memory.range(request);
      },
      transact: (transaction) => {
        const gets = [...transaction.then, ...(transaction.otherwise ?? [])].filter(
          (operation) => operation.do === 'get' && operation.key === envelopeKey,
        );
        const records = transaction.then.filter(({ do: what, key }) => what === 'put' && key.startsWith(auditParent));
        if (gets.length > 0 && records.length === 0) spy.early += 1;
        if (gets.length > 0 && records.length === 1) spy.together += 1;
        return world.memory.transact(transaction);
      },
    });
    await world.read({}, reader, {}, secrets);
    expect(spy).toEqual({ early: 0, together: 1 });
  });

  test.each([
    { name: 'a secret that does not exist', request: { path: 'team-a/other' }, party: reader, reason: 'absent' },
    { name: 'a version that does not exist', request: { ver: 7 }, party: reader, reason: 'absent' },
    { name: 'a secret of others, in spite of the grant', request: {}, party: stranger, reason: 'not_a_recipient' },
    { name: 'its own writer, who is no recipient', request: {}, party: writer, reason: 'not_a_recipient' },
  ])('gives 404 for $name', async ({ request, party, reason }) => {
    await expect(world.read(request, party)).rejects.toMatchObject({ code: 'not_found', reason, members: {} });
    expect(await lastRecord()).toMatchObject({ act: 'secret.read', outcome: 'refused', reason });
  });

  test.each<{ name: string; grants: readonly Omit<Grant, 'who'>[] }>([
    { name: 'no grant', grants: [] },
    { name: 'every verb but read', grants: [{ verbs: ['write', 'list', 'destroy', 'wrap'], path: 'team-a' }] },
    { name: 'a grant that has ended', grants: [{ verbs: ['read'], path: 'team-a', until: 1_790_000_000 }] },
    { name: 'a grant elsewhere', grants: [{ verbs: ['read'], path: 'team-a/db/pass' }] },
  ])('gives a recipient with $name the same 404 as for what does not exist', ({ grants }) => {
    expect(() => world.permit<'secret.read'>({ act: 'secret.read', path }, reader, { grants })).toThrow(
      expect.objectContaining({ code: 'not_found' }),
    );
  });

  test('does not deliver what has expired, from the very second on', async () => {
    const exp = world.clock.nowSeconds() + 60;
    const made = await world.make(3, { exp });
    await world.write(made);
    world.clock.advance(59);
    expect(await world.contentOf()).toBe('content 3');
    world.clock.advance(1);
    const refusal = await world.read().catch((error: unknown) => error as { members: { rcpt: string } });
    expect(refusal).toMatchObject({ code: 'gone', members: { st: 'EXPIRED', at: exp } });
    expect(receiptOf((refusal as { members: { rcpt: string } }).members.rcpt)).toMatchObject({
      st: 'EXPIRED',
      at: exp,
      eh: made.read.eh,
    });
    expect(await world.contentOf({ ver: 2 })).toBe('content 2');
  });

  test('tells a recipient, and nobody else, that a version was destroyed', async () => {
    await world.destroy(2);
    await expect(world.read()).rejects.toMatchObject({ code: 'gone', members: { st: 'DESTROYED' } });
    await expect(world.read({}, stranger)).rejects.toMatchObject({ code: 'not_found', members: {} });
    expect(await world.contentOf({ ver: 1 })).toBe('content 1');
  });

  test('keeps delivering to a key that was rotated after the writing', async () => {
    world.keysets.set(reader.id, makeParty({ sig: reader.sig }).keyset);
    expect(await world.contentOf()).toBe('content 2');
  });

  test.each([
    {
      name: 'the record of another version',
      from: () => versionKey(world.barrier, path, 1),
      to: () => versionKey(world.barrier, path, 2),
    },
    {
      name: 'the envelope of another version',
      from: () => world.barrier.keyOf(envelopePath(path, 1)),
      to: () => world.barrier.keyOf(envelopePath(path, 2)),
    },
  ])('notices $name in its place', async ({ from, to }) => {
    const [entry] = (await world.memory.range({ key: from() })).entries;
    await world.memory.transact({ compare: [], then: [{ do: 'put', key: to(), value: entry!.value }] });
    await expect(world.read()).rejects.toMatchObject({ code: 'internal', reason: 'storage_integrity' });
  });

  test('notices that the envelope is missing', async () => {
    const key = world.barrier.keyOf(envelopePath(path, 2));
    await world.memory.transact({ compare: [], then: [{ do: 'delete', key }] });
    await expect(world.read()).rejects.toMatchObject({ code: 'internal', reason: 'storage_integrity' });
  });

  test('notices the latest version of another secret in its place', async () => {
    await world.writeAll([9], { path: 'team-a/db/other' });
    const [entry] = (await world.memory.range({ key: latestKey(world.barrier, 'team-a/db/other') })).entries;
    const key = latestKey(world.barrier, path);
    await world.memory.transact({ compare: [], then: [{ do: 'put', key, value: entry!.value }] });
    await expect(world.read()).rejects.toMatchObject({ code: 'internal', reason: 'storage_integrity' });
  });
});

describe('Secrets.latest()', () => {
  test('is the highest version, none for a secret that was never written, and leaves no record', async () => {
    const permitted = world.permit<'secret.read'>({ act: 'secret.read', path }, reader);
    expect(await world.secrets.latest(permitted)).toBe(0);
    await world.write(await world.make(4));
    const { lastSeq } = world.audit;
    expect(await world.secrets.latest(permitted)).toBe(4);
    expect(world.audit.lastSeq).toBe(lastSeq);
  });
});

describe('Secrets.destroy()', () => {
  beforeEach(() => world.writeAll([1, 2]));

  test('deletes the envelope, keeps what proves it, and answers the same again', async () => {
    world.clock.advance(10);
    const receipt = await world.destroy(1);
    expect(receipt).toMatchObject({ st: 'DESTROYED', at: world.clock.nowSeconds() });
    expect((await world.memory.range({ key: world.barrier.keyOf(envelopePath(path, 1)) })).entries).toEqual([]);
    expect(await lastRecord()).toMatchObject({ act: 'secret.destroy', obj: `secret/${path}#1`, outcome: 'ok' });
    world.clock.advance(10);
    expect(await world.destroy(1)).toMatchObject({ st: 'DESTROYED', at: receipt.at, rev: receipt.rev });
    expect((await world.recordsOf()).filter((record) => record?.act === 'secret.destroy')).toHaveLength(1);
  });

  test('gives 404 for a version that does not exist', async () => {
    await expect(world.destroy(3)).rejects.toMatchObject({ code: 'not_found', reason: 'absent' });
  });

  test('is for holders of the verb, whether there is a secret or not', () => {
    for (const at of [path, 'team-a/none']) {
      expect(() =>
        world.permit<'secret.destroy'>({ act: 'secret.destroy', path: at }, writer, {
          grants: [{ verbs: ['write', 'read', 'list'], path: 'team-a' }],
        }),
      ).toThrow(expect.objectContaining({ code: 'denied', reason: 'verb_not_granted' }));
    }
  });
});

describe('Secrets.list()', () => {
  const names = (page: { readonly items: readonly object[] }) =>
    page.items.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));

  beforeEach(async () => {
    await world.writeAll([1, 4]);
    await world.writeAll([2], { path: 'team-a/db' });
    await world.writeAll([7], { path: 'team-a/mail' });
    await world.writeAll([8], { path: 'top' });
  });

  test('shows secrets with their latest version, and folders with a slash; a name can be both', async () => {
    expect(names(await world.list({ path: 'team-a' }))).toEqual([
      { name: 'db', ver: 2 },
      { name: 'db/' },
      { name: 'mail', ver: 7 },
    ]);
    expect(names(await world.list({ path: 'team-a/db' }))).toEqual([{ name: 'password', ver: 4 }]);
    expect(await lastRecord()).toMatchObject({ act: 'secret.list', obj: 'secret/team-a/db', outcome: 'ok' });
    expect(names(await world.list())).toEqual([{ name: 'team-a/' }]);
  });

  test.each<{ name: string; grants: readonly Omit<Grant, 'who'>[]; at?: string; shown: readonly object[] }>([
    {
      name: 'verb list',
      grants: [{ verbs: ['list'], path: 'team-a/mail' }],
      at: 'team-a',
      shown: [{ name: 'mail', ver: 7 }],
    },
    {
      name: 'verb read',
      grants: [{ verbs: ['read'], path: 'team-a/mail' }],
      at: 'team-a',
      shown: [{ name: 'mail', ver: 7 }],
    },
    {
      name: 'verb write',
      grants: [{ verbs: ['write'], path: 'team-a/mail' }],
      at: 'team-a',
      shown: [{ name: 'mail', ver: 7 }],
    },
    {
      name: 'a grant below a folder',
      grants: [{ verbs: ['read'], path: path }],
      at: 'team-a',
      shown: [{ name: 'db/' }],
    },
    { name: 'the same, at the top', grants: [{ verbs: ['read'], path: path }], shown: [{ name: 'team-a/' }] },
    { name: 'no grant at all, at the top', grants: [], shown: [] },
    { name: 'nothing there', grants: [{ verbs: ['list'], path: 'void' }], at: 'void', shown: [] },
  ])('shows with $name only what it touches', async ({ grants, at, shown }) => {
    expect(names(await world.list(at === undefined ? {} : { path: at }, grants))).toEqual(shown);
  });

  test.each<{ name: string; grants: readonly Omit<Grant, 'who'>[] }>([
    { name: 'no grant', grants: [] },
    { name: 'verbs that show no names', grants: [{ verbs: ['wrap', 'destroy'], path: 'team-a' }] },
    { name: 'a grant beside', grants: [{ verbs: ['list'], path: 'team-b' }] },
  ])('is denied with $name, whether there is something or not', ({ grants }) => {
    for (const at of ['team-a', 'team-a/none']) {
      expect(() => world.permit<'secret.list'>({ act: 'secret.list', path: at }, reader, { grants })).toThrow(
        expect.objectContaining({ code: 'denied', reason: 'no_grant' }),
      );
    }
  });

  test('pages give everything once', async () => {
    const seen: string[] = [];
    for (let after: string | undefined, isMore = true; isMore;) {
      const page = await world.list({ path: 'team-a', limit: 1, ...(after === undefined ? {} : { after }) });
      seen.push(...page.items.map(({ name }) => name));
      after = page.next;
      isMore = after !== undefined;
    }
    expect(seen.toSorted()).toEqual(['db', 'db/', 'mail']);
  });

  test('pages go on behind names that are not shown', async () => {
    const seen: string[] = [];
    const grants = [{ verbs: ['list'], path: 'team-a/mail' }] as const;
    for (let after: string | undefined, isMore = true; isMore;) {
      const page = await world.list({ path: 'team-a', limit: 1, ...(after === undefined ? {} : { after }) }, grants);
      seen.push(...page.items.map(({ name }) => name));
      after = page.next;
      isMore = after !== undefined;
    }
    expect(seen).toEqual(['mail']);
  });
});

describe('Secrets.versions()', () => {
  test('shows what has become of each, on pages, each once', async () => {
    const exp = world.clock.nowSeconds() + 60;
    await world.writeAll([1, 2]);
    await world.writeAll([3], { exp });
    await world.destroy(1);
    world.clock.advance(60);
    const items: { readonly ver: number }[] = [];
    for (let after: number | undefined, isMore = true; isMore;) {
      const page = await world.versions({ limit: 1, ...(after === undefined ? {} : { after }) });
      items.push(...page.items);
      after = page.next;
      isMore = after !== undefined;
    }
    expect(items.toSorted((a, b) => a.ver - b.ver)).toEqual([
      { ver: 1, st: 'DESTROYED', at: exp - 60, wrt: writer.id },
      { ver: 2, st: 'STORED', at: exp - 60, wrt: writer.id },
      { ver: 3, st: 'EXPIRED', at: exp, exp, wrt: writer.id },
    ]);
  });

  test('gives 404 for a secret that does not exist', async () => {
    await expect(world.versions()).rejects.toMatchObject({ code: 'not_found' });
  });

  test('needs a verb on the secret itself: one below it shows only that it is a folder', () => {
    expect(() =>
      world.permit<'secret.versions'>({ act: 'secret.versions', path: 'team-a' }, reader, {
        grants: [{ verbs: ['read'], path }],
      }),
    ).toThrow(expect.objectContaining({ code: 'denied' }));
  });
});

describe('an admin', () => {
  const actions = [
    { act: 'secret.write', id: 'AAAAAAAAAAAAAAAAAAAAAA', path, writer: writer.id },
    { act: 'secret.read', path },
    { act: 'secret.list', path },
    { act: 'secret.list', path: undefined },
    { act: 'secret.versions', path },
    { act: 'secret.destroy', path },
  ] as const;
  test.each(actions.map((action) => ({ action })))('may not do $action.act, whatever is granted', ({ action }) => {
    expect(() => world.permit(action as never, writer, { caller: { isAdmin: true } })).toThrow(
      expect.objectContaining({ reason: 'admin_handles_no_content' }),
    );
  });
});

describe('a permission', () => {
  test('is for one path', async () => {
    await world.writeAll([1]);
    const permitted = world.permit<'secret.read'>({ act: 'secret.read', path: 'team-a' }, reader);
    await expect(world.secrets.read(permitted, { path })).rejects.toThrow(TypeError);
    const made = await world.make(2);
    const other = { act: 'secret.write', id: made.read.header.id, path: 'team-a', writer: writer.id } as const;
    await expect(
      world.secrets.write(world.permit<'secret.write'>(other, writer), canonicalBytes(made.envelope), made.read),
    ).rejects.toThrow(TypeError);
  });

  test('by whom it is used is recorded under this process', async () => {
    await world.writeAll([1]);
    expect(await lastRecord()).toMatchObject({ rep: replica, factor: 'proof', cb: 'exporter', listener: 'direct' });
  });
});
