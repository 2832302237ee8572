/**
 * The contract suite of the store port: the meaning that core relies on, the same file for every store.
 * It must never assume an empty store: it works below a prefix of its own and compares revisions, not numbers.
 * @module
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomIdentifier } from '@letterlock/crypto';
import { encodeUtf8 } from '@letterlock/protocol';
import type { Compare, Operation, Store, TransactionResponse } from '../store.ts';

const text = new TextDecoder();

/** Runs the contract; `close` is called after each test. */
export function describeStoreContract(
  name: string,
  makeStore: () => Promise<Store>,
  close: (store: Store) => Promise<void> = async () => {},
): void {
  describe(`${name} as a Store`, () => {
    let store: Store;
    let prefix: string;
    const key = (suffix: string) => `${prefix}${suffix}`;
    const put = (suffix: string, value: string): Operation => ({
      do: 'put',
      key: key(suffix),
      value: encodeUtf8(value),
    });
    const get = (suffix: string): Operation => ({ do: 'get', key: key(suffix) });
    const remove = (suffix: string): Operation => ({ do: 'delete', key: key(suffix) });
    const compare = (suffix: string, field: Compare['field'], is: Compare['is'], revision: number): Compare => ({
      key: key(suffix),
      field,
      is,
      revision,
    });
    const write = (...then: Operation[]): Promise<TransactionResponse> => store.transact({ compare: [], then });
    const read = async (suffix: string) => (await store.range({ key: key(suffix) })).entries[0];
    const valueOf = async (suffix: string) => {
      const entry = await read(suffix);
      return entry === undefined ? undefined : text.decode(entry.value);
    };

    beforeEach(async () => {
      store = await makeStore();
      prefix = `contract/${randomIdentifier()}/`;
    });
    afterEach(() => close(store));

    describe('revisions', () => {
      test('creation and last change are the revision of the transaction', async () => {
        const created = await write(put('a', '1'));
        expect(await read('a')).toMatchObject({ createRevision: created.revision, modRevision: created.revision });
        const changed = await write(put('a', '2'));
        expect(changed.revision).toBeGreaterThan(created.revision);
        expect(await read('a')).toMatchObject({ createRevision: created.revision, modRevision: changed.revision });
      });

      test('are one for all keys of a transaction', async () => {
        const { revision } = await write(put('a', '1'), put('b', '2'));
        expect(await read('a')).toMatchObject({ modRevision: revision });
        expect(await read('b')).toMatchObject({ modRevision: revision });
      });

      test('of one key do not move when another is put', async () => {
        const first = await write(put('a', '1'));
        await write(put('b', '2'));
        expect(await read('a')).toMatchObject({ modRevision: first.revision });
      });

      test('begin anew after a deletion', async () => {
        const first = await write(put('a', '1'));
        await write(remove('a'));
        const second = await write(put('a', '2'));
        expect(second.revision).toBeGreaterThan(first.revision + 1);
        expect(await read('a')).toMatchObject({ createRevision: second.revision, modRevision: second.revision });
      });

      test('grow by a change and by nothing else', async () => {
        const before = (await write(put('a', '1'))).revision;
        expect((await store.range({ key: key('a') })).revision).toBe(before);
        expect((await write(get('a'))).revision).toBe(before);
        expect((await write(remove('absent'))).revision).toBe(before);
        const refused = await store.transact({ compare: [compare('a', 'mod', '=', 0)], then: [put('a', '2')] });
        expect(refused.revision).toBe(before);
        expect((await write(remove('a'))).revision).toBe(before + 1);
      });
    });

    describe('compare', () => {
      test.each([
        { field: 'create', is: '=', of: 'absent', against: 'zero', holds: true },
        { field: 'create', is: '>', of: 'absent', against: 'zero', holds: false },
        { field: 'mod', is: '=', of: 'absent', against: 'zero', holds: true },
        { field: 'mod', is: '>', of: 'absent', against: 'zero', holds: false },
        { field: 'create', is: '=', of: 'present', against: 'zero', holds: false },
        { field: 'create', is: '>', of: 'present', against: 'zero', holds: true },
        { field: 'mod', is: '=', of: 'present', against: 'zero', holds: false },
        { field: 'mod', is: '>', of: 'present', against: 'zero', holds: true },
        { field: 'create', is: '=', of: 'present', against: 'created', holds: true },
        { field: 'create', is: '>', of: 'present', against: 'created', holds: false },
        { field: 'create', is: '=', of: 'present', against: 'changed', holds: false },
        { field: 'mod', is: '=', of: 'present', against: 'changed', holds: true },
        { field: 'mod', is: '=', of: 'present', against: 'created', holds: false },
        { field: 'mod', is: '>', of: 'present', against: 'created', holds: true },
        { field: 'mod', is: '>', of: 'present', against: 'changed', holds: false },
      ] as const)('$field $is $against of a key that is $of: $holds', async ({ field, is, of, against, holds }) => {
        const created = (await write(put('present', '1'))).revision;
        const changed = (await write(put('present', '2'))).revision;
        const revision = { zero: 0, created, changed }[against];
        const { succeeded } = await store.transact({ compare: [compare(of, field, is, revision)], then: [] });
        expect(succeeded).toBe(holds);
      });

      test('all must hold', async () => {
        await write(put('a', '1'));
        const { succeeded } = await store.transact({
          compare: [compare('a', 'create', '>', 0), compare('b', 'create', '>', 0)],
          then: [put('c', '1')],
        });
        expect(succeeded).toBe(false);
        expect(await valueOf('c')).toBeUndefined();
      });
    });

    describe('transact()', () => {
      test('runs then, and not otherwise, when the compares hold', async () => {
        await store.transact({ compare: [], then: [put('a', 'then')], otherwise: [put('a', 'otherwise')] });
        expect(await valueOf('a')).toBe('then');
      });

      test('runs otherwise, and not then, when one does not', async () => {
        const response = await store.transact({
          compare: [compare('a', 'create', '>', 0)],
          then: [put('a', 'then'), put('b', 'then')],
          otherwise: [put('a', 'otherwise'), get('b')],
        });
        expect(response).toMatchObject({ succeeded: false, entries: [undefined] });
        expect(await valueOf('a')).toBe('otherwise');
        expect(await valueOf('b')).toBeUndefined();
      });

      test('without otherwise changes nothing when a compare does not hold', async () => {
        const response = await store.transact({
          compare: [compare('a', 'create', '>', 0)],
          then: [put('a', '1'), get('a')],
        });
        expect(response).toMatchObject({ succeeded: false, entries: [] });
        expect(await valueOf('a')).toBeUndefined();
      });

      test('a get sees the state before, wherever it stands', async () => {
        await write(put('a', 'before'), put('b', 'before'));
        const { entries } = await write(put('a', 'after'), get('a'), get('b'), remove('b'), get('absent'));
        expect(entries.map((entry) => (entry === undefined ? undefined : text.decode(entry.value)))).toEqual([
          'before',
          'before',
          undefined,
        ]);
        expect(await valueOf('a')).toBe('after');
        expect(await valueOf('b')).toBeUndefined();
      });

      test('a get gives the whole entry', async () => {
        const { revision } = await write(put('a', 'value'));
        const { entries } = await write(get('a'));
        expect(entries).toHaveLength(1);
        expect(entries[0]).toMatchObject({ key: key('a'), createRevision: revision, modRevision: revision });
      });

      test('of many at once, exactly one creates a key', async () => {
        const responses = await Promise.all(
          Array.from({ length: 50 }, (_, index) =>
            store.transact({
              compare: [compare('once', 'create', '=', 0)],
              then: [put('once', String(index))],
              otherwise: [get('once')],
            }),
          ),
        );
        const winners = responses.flatMap(({ succeeded }, index) => (succeeded ? [index] : []));
        expect(winners).toHaveLength(1);
        expect(await valueOf('once')).toBe(String(winners[0]));
        const toldByLosers = responses.flatMap(({ succeeded, entries }) =>
          succeeded ? [] : [text.decode(entries[0]?.value)],
        );
        expect(new Set(toldByLosers)).toEqual(new Set([String(winners[0])]));
      });

      test('keeps any bytes', async () => {
        const value = Uint8Array.from({ length: 256 }, (_, index) => index);
        await store.transact({ compare: [], then: [{ do: 'put', key: key('bytes'), value }] });
        expect(Array.from((await read('bytes'))?.value ?? [])).toEqual(Array.from(value));
      });

      test('keeps an empty value', async () => {
        await write(put('empty', ''));
        expect((await read('empty'))?.value).toHaveLength(0);
      });

      test('keeps the value as it was when it was put', async () => {
        const value = encodeUtf8('before');
        await store.transact({ compare: [], then: [{ do: 'put', key: key('a'), value }] });
        value.fill(0);
        expect(await valueOf('a')).toBe('before');
      });

      test('is not changed by who changes what it gave out', async () => {
        await write(put('a', 'before'));
        const given = [
          await read('a'),
          (await write(get('a'))).entries[0],
          (await store.range({ prefix, limit: 1 })).entries[0],
        ];
        for (const entry of given) entry?.value.fill(0);
        expect(given.map((entry) => entry?.value.length)).toEqual([6, 6, 6]);
        expect(await valueOf('a')).toBe('before');
      });

      test.each([
        { name: 'two puts', then: ['put', 'put'] },
        { name: 'a put and a delete', then: ['put', 'delete'] },
        { name: 'two deletes', then: ['delete', 'delete'] },
      ])('refuses $name of one key', async ({ then }) => {
        const operations = then.map((each) => (each === 'put' ? put('a', '1') : remove('a')));
        await expect(write(...operations)).rejects.toThrow('written twice');
        await expect(
          store.transact({ compare: [compare('a', 'create', '=', 0)], then: [], otherwise: operations }),
        ).rejects.toThrow('written twice');
      });

      test('refuses more than 128 operations', async () => {
        await expect(write(...Array.from({ length: 129 }, (_, index) => get(`k${index}`)))).rejects.toThrow('128');
      });

      test.each(['', 'white space', 'non-ascii-é'])('refuses the key "%s"', async (bad) => {
        await expect(store.transact({ compare: [], then: [{ do: 'get', key: bad }] })).rejects.toThrow('store key');
      });

      test('does nothing when its signal was aborted before', async () => {
        const signal = AbortSignal.abort();
        await expect(store.transact({ compare: [], then: [put('a', '1')] }, { signal })).rejects.toMatchObject({
          code: 'unavailable',
        });
        expect(await valueOf('a')).toBeUndefined();
      });
    });

    describe('range()', () => {
      const suffixes = ['a', 'a/1', 'a/10', 'a/2', 'a-1', 'a0', 'b'];
      const pageOf = async (below: string, limit: number, after?: string) => {
        const response = await store.range({
          prefix: key(below),
          limit,
          ...(after === undefined ? {} : { after: key(after) }),
        });
        return { keys: response.entries.map((entry) => entry.key.slice(prefix.length)), hasMore: response.hasMore };
      };

      beforeEach(() => write(...suffixes.map((suffix) => put(suffix, suffix))));

      test('of one key gives that key alone', async () => {
        const { entries, hasMore } = await store.range({ key: key('a') });
        expect(entries.map((entry) => entry.key)).toEqual([key('a')]);
        expect(hasMore).toBe(false);
      });

      test('of an absent key gives nothing', async () => {
        expect(await store.range({ key: key('absent') })).toMatchObject({ entries: [], hasMore: false });
      });

      test('of a prefix gives its keys in byte order', async () => {
        expect(await pageOf('', 100)).toEqual({ keys: suffixes.toSorted(), hasMore: false });
        expect(await pageOf('a/', 100)).toEqual({ keys: ['a/1', 'a/10', 'a/2'], hasMore: false });
        expect(await pageOf('absent', 100)).toEqual({ keys: [], hasMore: false });
      });

      test('says whether there is more than the limit', async () => {
        expect(await pageOf('a/', 2)).toEqual({ keys: ['a/1', 'a/10'], hasMore: true });
        expect(await pageOf('a/', 3)).toEqual({ keys: ['a/1', 'a/10', 'a/2'], hasMore: false });
      });

      test('goes on after a key, whether that key exists or not', async () => {
        expect(await pageOf('a/', 2, 'a/1')).toEqual({ keys: ['a/10', 'a/2'], hasMore: false });
        expect(await pageOf('a/', 1, 'a/1')).toEqual({ keys: ['a/10'], hasMore: true });
        expect(await pageOf('a/', 2, 'a/11')).toEqual({ keys: ['a/2'], hasMore: false });
        expect(await pageOf('a/', 2, 'a/2')).toEqual({ keys: [], hasMore: false });
      });

      test('does not leave the prefix when the key to go on after lies outside', async () => {
        expect(await pageOf('a/', 9, 'a')).toEqual({ keys: ['a/1', 'a/10', 'a/2'], hasMore: false });
        expect(await pageOf('a/', 9, 'b')).toEqual({ keys: [], hasMore: false });
      });

      test('visits every key exactly once, page by page, also when others come and go', async () => {
        const visited: string[] = [];
        let after: string | undefined;
        for (let page = 0; ; page += 1) {
          const { keys, hasMore } = await pageOf('', 2, after);
          visited.push(...keys.filter((each) => suffixes.includes(each)));
          after = keys.at(-1);
          if (!hasMore) break;
          await write(put(`zz${page}`, ''), remove(`zz${page - 1}`));
        }
        expect(visited).toEqual(suffixes.toSorted());
      });

      test.each([0, -1, 1.5, Number.NaN])('refuses the limit %d', async (limit) => {
        await expect(store.range({ prefix, limit })).rejects.toThrow('limit');
      });

      test('refuses when its signal was aborted before', async () => {
        await expect(store.range({ key: key('a') }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
          code: 'unavailable',
        });
      });
    });
  });
}
