/** Bad input 3.11 at a running server: somebody who can write the store changes records under it. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { randomIdentifier, sealEnvelope, verifyKeyset } from '@letterlock/crypto';
import type { Entry, Operation, Store } from '@letterlock/core';
import type { TestClient } from './testing/test-client.ts';
import type { RawAnswer } from './testing/raw-connection.ts';
import {
  apply,
  createIdentity,
  nowSeconds,
  register,
  startTestServer,
  wrapFor,
  type TestIdentity,
  type TestServer,
} from './testing/test-server.ts';

jest.setTimeout(60_000);

let server: TestServer;
let client: TestClient;
let store: Store;
const [writer, second, reader] = [createIdentity(), createIdentity(), createIdentity()];

beforeAll(async () => {
  server = await startTestServer({}, { decorateStore: (inner) => (store = inner) });
  client = await server.connect();
  for (const identity of [writer, second, reader]) await register(server, client, identity);
  await grant(writer, ['wrap', 'write'], 'team-a');
  await grant(reader, ['read'], 'team-a');
});
afterAll(async () => {
  client.close();
  await server.close();
});

async function grant(who: TestIdentity, verbs: readonly ('wrap' | 'write' | 'read')[], path: string): Promise<void> {
  const { status } = await apply(server, client, { op: 'grant.put', args: { path, verbs: [...verbs], who: who.id } });
  expect(status).toBe(200);
}

/** Everything that is stored, in the order of keys. */
async function everything(): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const after = entries.at(-1)?.key;
    const page = await store.range({ prefix: '', limit: 1000, ...(after === undefined ? {} : { after }) });
    entries.push(...page.entries);
    if (!page.hasMore) return entries;
  }
}
const parentOf = (key: string): string => key.slice(0, key.lastIndexOf('/'));
const put = (key: string, value: Uint8Array): Operation => ({ do: 'put', key, value });
const remove = ({ key }: Entry): Operation => ({ do: 'delete', key });
async function write(...then: readonly Operation[]): Promise<void> {
  await store.transact({ compare: [], then });
}
function flipped({ key, value }: Entry, at: number): Operation {
  const changed = Buffer.from(value);
  changed[at < 0 ? changed.length + at : at]! ^= 1;
  return put(key, changed);
}

interface Wrap {
  readonly id: string;
  readonly state: Entry;
  readonly envelope: Entry;
}
let wrapParents: { readonly state: string; readonly envelope: string } | undefined;

/** Stores a wrap and finds its records: the larger one is the envelope. */
async function storeWrap(): Promise<Wrap> {
  const { id, envelope } = await wrapFor(writer, reader);
  const before = new Set((await everything()).map(({ key }) => key));
  const { status } = await client.prove(writer.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
  expect(status).toBe(201);
  const fresh = (await everything()).filter(({ key }) => !before.has(key));
  expect(fresh).toHaveLength(3);
  const bySize = fresh.toSorted((one, other) => other.value.length - one.value.length);
  wrapParents ??= { envelope: parentOf(bySize[0]!.key), state: parentOf(bySize[1]!.key) };
  const under = (parent: string): Entry => fresh.find(({ key }) => parentOf(key) === parent)!;
  return { id, state: under(wrapParents.state), envelope: under(wrapParents.envelope) };
}
function open({ id }: Pick<Wrap, 'id'>, cid = randomIdentifier()): Promise<RawAnswer> {
  return client.prove(reader.sig, { method: 'POST', path: `/v1/wraps/${id}/open`, body: { cid } });
}
function statusOf({ id }: Pick<Wrap, 'id'>): Promise<RawAnswer> {
  return client.prove(writer.sig, { method: 'GET', path: `/v1/wraps/${id}/status` });
}
function acknowledge({ id }: Pick<Wrap, 'id'>, cid: string): Promise<RawAnswer> {
  return client.prove(reader.sig, { method: 'POST', path: `/v1/wraps/${id}/ack`, body: { cid } });
}
async function damagedCount(): Promise<number> {
  const text = await (await fetch(`${server.healthOrigin}/metrics`)).text();
  return Number(/^letterlock_damaged_records_total\{met_by="request"\} (\d+)$/m.exec(text)?.[1]);
}

/** A request that meets a damaged record: 500 without a word of why, one line in the log with the reason, and the alarm counts. */
async function expectDamage(request: () => Promise<RawAnswer>): Promise<void> {
  const before = { lines: server.logged.length, count: await damagedCount() };
  const answer = await request();
  const document = JSON.parse(answer.body) as Readonly<Record<string, unknown>>;
  expect(document).toEqual({
    type: 'urn:letterlock:error:internal',
    code: 'internal',
    status: 500,
    title: expect.any(String),
    instance: expect.any(String),
  });
  const lines = server.logged
    .slice(before.lines)
    .filter((line) => /"reason":"storage_integrity".*"Refused request"/.test(line));
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ code: 'internal', level: expect.anything() });
  expect(await damagedCount()).toBe(before.count + 1);
}

describe('3.11 a wrap whose records were tampered with', () => {
  const stateBytes = [0, 4, 10, 25, 60, -1];
  interface Case {
    readonly name: string;
    readonly tamper: (mine: Wrap, other: Wrap) => readonly Operation[];
    readonly request: (mine: Wrap) => Promise<RawAnswer>;
  }
  const cases: readonly Case[] = [
    ...stateBytes.map((at) => ({
      name: `3.11.1 byte ${at} of its state changed`,
      tamper: ({ state }: Wrap) => [flipped(state, at)],
      request: statusOf,
    })),
    { name: '3.11.1 its state changed, on opening', tamper: ({ state }) => [flipped(state, 40)], request: open },
    ...stateBytes.map((at) => ({
      name: `3.11.1 byte ${at} of its envelope changed`,
      tamper: ({ envelope }: Wrap) => [flipped(envelope, at)],
      request: open,
    })),
    {
      name: '3.11.1 half a state',
      tamper: ({ state }) => [put(state.key, state.value.subarray(0, state.value.length / 2))],
      request: statusOf,
    },
    { name: '3.11.1 an empty state', tamper: ({ state }) => [put(state.key, new Uint8Array(0))], request: statusOf },
    {
      name: '3.11.2 the state of another wrap',
      tamper: ({ state }, other) => [put(state.key, other.state.value)],
      request: statusOf,
    },
    {
      name: '3.11.2 the envelope of another wrap',
      tamper: ({ envelope }, other) => [put(envelope.key, other.envelope.value)],
      request: open,
    },
    {
      name: '3.11.2 its own envelope as its state',
      tamper: ({ state, envelope }) => [put(state.key, envelope.value)],
      request: statusOf,
    },
    {
      name: '3.11.2 records that changed places',
      tamper: ({ state, envelope }) => [put(state.key, envelope.value), put(envelope.key, state.value)],
      request: open,
    },
    { name: 'its envelope deleted', tamper: ({ envelope }) => [remove(envelope)], request: open },
    {
      name: '3.11.8 a state of 1 MiB',
      tamper: ({ state }) => [put(state.key, Buffer.alloc(1 << 20, 1))],
      request: statusOf,
    },
  ];
  test.each(cases)('$name: this item alone fails', async ({ tamper, request }) => {
    const [mine, other] = [await storeWrap(), await storeWrap()];
    await write(...tamper(mine, other));
    await expectDamage(() => request(mine));
    expect((await open(other)).status).toBe(200);
    // Sweeping meets it too; leave nothing for the next case.
    await write(remove(mine.state), remove(mine.envelope));
  });

  test('3.11.2 a state moved to another key is no wrap there and none where it was', async () => {
    const mine = await storeWrap();
    const id = randomIdentifier();
    const elsewhere = `${parentOf(mine.state.key)}/${randomIdentifier()}`;
    await write(put(elsewhere, mine.state.value), remove(mine.state));
    for (const each of [mine, { id }]) expect(JSON.parse((await open(each)).body)).toMatchObject({ code: 'not_found' });
    await write({ do: 'delete', key: elsewhere });
  });

  test('3.11.3 the state of before the opening, put back alone, delivers nothing', async () => {
    const mine = await storeWrap();
    const cid = randomIdentifier();
    expect((await open(mine, cid)).status).toBe(200);
    expect((await acknowledge(mine, cid)).status).toBe(200);
    await write(put(mine.state.key, mine.state.value));
    await expectDamage(() => open(mine));
    await write(remove(mine.state));
  });

  test('3.11.5 an opened wrap whose tombstone was deleted is missing, and is not delivered again', async () => {
    const mine = await storeWrap();
    const cid = randomIdentifier();
    expect((await open(mine, cid)).status).toBe(200);
    expect((await acknowledge(mine, cid)).status).toBe(200);
    await write(remove(mine.state));
    expect(JSON.parse((await open(mine, cid)).body)).toMatchObject({ status: 404, code: 'not_found' });
    expect(JSON.parse((await open(mine)).body)).toMatchObject({ status: 404, code: 'not_found' });
  });

  test('3.11.5 also where somebody put the envelope back', async () => {
    const mine = await storeWrap();
    const cid = randomIdentifier();
    await open(mine, cid);
    await acknowledge(mine, cid);
    await write(remove(mine.state), put(mine.envelope.key, mine.envelope.value));
    expect(JSON.parse((await open(mine)).body)).toMatchObject({ status: 404, code: 'not_found' });
    await write(remove(mine.envelope));
  });
});

describe('3.11 a secret whose records were tampered with', () => {
  const call = (who: TestIdentity, route: 'write' | 'read', body: object): Promise<RawAnswer> =>
    client.prove(who.sig, { method: 'POST', path: `/v1/secrets/${route}`, body });

  /** Writes two versions of two secrets. @returns the records of each, and how to read the first */
  async function storeSecrets() {
    const paths = [randomIdentifier(), randomIdentifier()].map((name) =>
      `team-a/${name.toLowerCase()}`.replaceAll('_', '-'),
    );
    const fresh: Entry[][] = [];
    for (const path of paths) {
      const before = new Map((await everything()).map(({ key, modRevision }) => [key, modRevision]));
      for (const ver of [1, 2]) {
        const { envelope } = await sealEnvelope({
          header: { kind: 'kv', mode: 'e2e', path, ver, iat: nowSeconds(), rcp: [`k:${reader.id}`] },
          content: Buffer.from(`\n${ver}`),
          recipients: [verifyKeyset(reader.keyset).enc],
          writer: writer.sig,
        });
        expect((await call(writer, 'write', envelope)).status).toBe(201);
      }
      fresh.push((await everything()).filter(({ key, modRevision }) => before.get(key) !== modRevision));
    }
    return { mine: fresh[0]!, other: fresh[1]!, read: (at = 0) => call(reader, 'read', { path: paths[at]! }) };
  }
  /** Each record in turn; how many of them a read of the latest version rests on: what there is, that version, its envelope. */
  async function damagedBy(change: (record: Entry, other: Entry | undefined) => Operation): Promise<number> {
    let count = 0;
    const { mine, other, read } = await storeSecrets();
    expect((await read()).status).toBe(200);
    for (const [index, record] of mine.entries()) {
      await write(change(record, other[index]));
      const answer = await read();
      if (answer.status !== 200) {
        await expectDamage(() => read());
        count += 1;
      }
      expect((await read(1)).status).toBe(200);
      await write(put(record.key, record.value));
      expect((await read()).status).toBe(200);
    }
    return count;
  }

  test('3.11.1 a byte of any record that a read rests on: this secret alone fails', async () => {
    expect(await damagedBy((record) => flipped(record, -1))).toBe(3);
  });

  test('3.11.2 a record with the value of any record of another secret: this secret alone fails', async () => {
    expect(await damagedBy((record, other) => put(record.key, other?.value ?? new Uint8Array(1)))).toBe(3);
  });
});

describe('3.11.12 a policy record that was exchanged', () => {
  /** Records that are written, by what kind they are: the readable part of a key is its form. */
  async function written(action: () => Promise<unknown>): Promise<readonly Entry[]> {
    const before = new Map((await everything()).map(({ key, modRevision }) => [key, modRevision]));
    await action();
    return (await everything()).filter(({ key, modRevision }) => before.get(key) !== modRevision);
  }
  const kindOf = ({ key }: Entry): string => `${key.split('/').length} ${key.split('/')[0]}`;
  const wrap = async (who: TestIdentity, path: string): Promise<RawAnswer> => {
    const { envelope } = await wrapFor(who, reader, { path });
    return client.prove(who.sig, { method: 'POST', path: '/v1/wraps', body: envelope });
  };

  test('grants of another identity, validly encrypted, are nobody’s', async () => {
    const [rich, poor] = [createIdentity(), createIdentity()];
    for (const each of [rich, poor]) await register(server, client, each);
    const theirs = await written(() => grant(rich, ['wrap'], 'team-b'));
    const own = await written(() => grant(poor, ['wrap'], 'team-c'));
    const exchanged = own.flatMap((record) =>
      theirs
        .filter((other) => kindOf(other) === kindOf(record) && other.key !== record.key)
        .map(({ value }) => put(record.key, value)),
    );
    expect(exchanged.length).toBeGreaterThan(0);
    for (const operation of exchanged) await write(operation);

    await expectDamage(() => wrap(poor, 'team-b'));
    await expectDamage(() => wrap(poor, 'team-c'));
    expect((await wrap(rich, 'team-b')).status).toBe(201);
    expect((await wrap(writer, 'team-a')).status).toBe(201);
    for (const { key, value } of own) await write(put(key, value));
    expect((await wrap(poor, 'team-c')).status).toBe(201);
  });

  test('the record of another identity speaks for nobody', async () => {
    const [admitted, other] = [createIdentity(), createIdentity()];
    const theirs = await written(() => register(server, client, other));
    const own = await written(() => apply(server, client, { op: 'identity.put', args: { id: admitted.id } }));
    for (const record of own)
      for (const { value } of theirs.filter((each) => kindOf(each) === kindOf(record)))
        await write(put(record.key, value));
    const request = { method: 'POST', path: '/v1/identities', body: { keyset: admitted.keyset } };
    await expectDamage(() => client.prove(admitted.sig, request));
    expect((await wrap(writer, 'team-a')).status).toBe(201);
  });
});
