import { describe, expect, test } from '@jest/globals';
import type { Operation } from '@letterlock/core';
import { readRange, readRevision, readTransaction, type Expected } from './etcd-answer.ts';

const place = 'letterlock/r/';
const invalid = expect.objectContaining({ code: 'internal', reason: 'store_answer_invalid' });

function kv(key: string, change: object = {}) {
  return {
    key: Buffer.from(place + key),
    value: Buffer.from(`value of ${key}`),
    create_revision: '5',
    mod_revision: '7',
    ...change,
  };
}

function rangeAnswer(change: object = {}) {
  return { header: { revision: '10' }, kvs: [kv('a/1'), kv('a/2')], count: '9', more: false, ...change };
}

const page: Expected = { prefix: 'a/', after: undefined };
const read = (answer: unknown, request: Expected = page, limit = 2) =>
  readRange(answer as Parameters<typeof readRange>[0], request, place, limit);

describe('readRange()', () => {
  test('gives entries without the place of the installation', () => {
    const { entries, hasMore, count, revision } = read(rangeAnswer());
    expect(entries.map(({ key }) => key)).toEqual(['a/1', 'a/2']);
    expect(entries[0]).toMatchObject({ createRevision: 5, modRevision: 7 });
    expect(Buffer.from(entries[0]!.value).toString()).toBe('value of a/1');
    expect({ hasMore, count, revision }).toEqual({ hasMore: false, count: 9, revision: 10 });
  });

  test('copies values out of the buffer that they came in', () => {
    const whole = Buffer.from('secret of another call|value');
    const answer = rangeAnswer({ kvs: [kv('a/1', { value: whole.subarray(23) })] });
    const { value } = read(answer).entries[0]!;
    expect(Buffer.from(value.buffer).toString()).toBe('value');
  });

  test.each([
    { name: 'nothing at all', answer: undefined },
    { name: 'no header', answer: rangeAnswer({ header: undefined }) },
    { name: 'no revision', answer: rangeAnswer({ header: {} }) },
    {
      name: 'a key of another installation',
      answer: rangeAnswer({ kvs: [kv('a/1', { key: Buffer.from('other/r/a/1') })] }),
    },
    { name: 'a key outside the prefix', answer: rangeAnswer({ kvs: [kv('b/1')] }) },
    { name: 'keys out of order', answer: rangeAnswer({ kvs: [kv('a/2'), kv('a/1')] }) },
    { name: 'a key twice', answer: rangeAnswer({ kvs: [kv('a/1'), kv('a/1')] }) },
    { name: 'more entries than were asked for', answer: rangeAnswer({ kvs: [kv('a/1'), kv('a/2'), kv('a/3')] }) },
    { name: 'an empty page that is not the last', answer: rangeAnswer({ kvs: [], more: true }) },
    { name: 'a short page that is not the last', answer: rangeAnswer({ kvs: [kv('a/1')], more: true }) },
    { name: 'more entries than it counts', answer: rangeAnswer({ count: '1' }) },
    { name: 'no count', answer: rangeAnswer({ count: undefined }) },
    { name: 'no value', answer: rangeAnswer({ kvs: [kv('a/1', { value: undefined })] }) },
    { name: 'no key', answer: rangeAnswer({ kvs: [kv('a/1', { key: undefined })] }) },
    { name: 'no revision of creation', answer: rangeAnswer({ kvs: [kv('a/1', { create_revision: '0' })] }) },
    { name: 'a creation after the last change', answer: rangeAnswer({ kvs: [kv('a/1', { create_revision: '8' })] }) },
    { name: 'a change after the answer', answer: rangeAnswer({ kvs: [kv('a/1', { mod_revision: '11' })] }) },
  ])('refuses $name', ({ answer }) => {
    expect(() => read(answer)).toThrow(invalid);
  });

  test('refuses entries at or before the place to go on after', () => {
    const after: Expected = { prefix: 'a/', after: 'a/1' };
    expect(() => read(rangeAnswer(), after)).toThrow(invalid);
    expect(read(rangeAnswer({ kvs: [kv('a/2')] }), after).entries).toHaveLength(1);
  });

  test('refuses another key than the one that was asked for', () => {
    expect(() => read(rangeAnswer({ kvs: [kv('a/1')] }), { key: 'a/2' }, 1)).toThrow(invalid);
    expect(read(rangeAnswer({ kvs: [kv('a/1')] }), { key: 'a/1' }, 1).entries).toHaveLength(1);
  });
});

describe('readRevision()', () => {
  test.each(['0', '1', '9007199254740991'])('reads %s exactly', (text) => {
    expect(String(readRevision(text))).toBe(text);
  });

  test.each(['9007199254740992', '9223372036854775807', '-1', '01', '1e3', '1.0', ' 1', '', undefined, 7])(
    'refuses %p, which a number cannot hold or etcd does not write',
    (text) => {
      expect(() => readRevision(text)).toThrow(invalid);
    },
  );
});

describe('readTransaction()', () => {
  const get = (key: string): Operation => ({ do: 'get', key });
  const put = (key: string): Operation => ({ do: 'put', key, value: Buffer.from('1') });
  const remove = (key: string): Operation => ({ do: 'delete', key });
  const sent = { then: [get('a'), put('b'), remove('c')], otherwise: [get('d')] };
  const responses = [
    { response_range: { kvs: [kv('a')] } },
    { response_put: {} },
    { response_delete_range: { deleted: '1' } },
  ];
  const answer = (change: object = {}) => ({ header: { revision: '10' }, succeeded: true, responses, ...change });
  const readAnswer = (value: unknown) => readTransaction(value as Parameters<typeof readTransaction>[0], sent, place);

  test('gives one entry for each get of the branch that ran', () => {
    expect(readAnswer(answer())).toMatchObject({ succeeded: true, revision: 10, entries: [{ key: 'a' }] });
    const other = { succeeded: false, responses: [{ response_range: { kvs: [] } }] };
    expect(readAnswer(answer(other))).toEqual({ succeeded: false, revision: 10, entries: [undefined] });
  });

  test.each([
    { name: 'no verdict', change: { succeeded: undefined } },
    { name: 'the responses of the other branch', change: { succeeded: false } },
    { name: 'a response too few', change: { responses: responses.slice(0, 2) } },
    { name: 'a response too many', change: { responses: [...responses, { response_put: {} }] } },
    { name: 'responses in another order', change: { responses: responses.toReversed() } },
    { name: 'an empty response', change: { responses: [{}, ...responses.slice(1)] } },
    {
      name: 'an entry of another key',
      change: { responses: [{ response_range: { kvs: [kv('x')] } }, ...responses.slice(1)] },
    },
    {
      name: 'two entries for one key',
      change: { responses: [{ response_range: { kvs: [kv('a'), kv('a')] } }, ...responses.slice(1)] },
    },
    { name: 'a revision that is none', change: { header: { revision: 'x' } } },
  ])('refuses $name', ({ change }) => {
    expect(() => readAnswer(answer(change))).toThrow(invalid);
  });
});
