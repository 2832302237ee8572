import { describe, expect, test } from '@jest/globals';
import type { PodDelivery } from '@letterlock/protocol';
import { valuesOf } from '../testing/values.ts';
import { planFiles, wantsBinding, type OfferedSecret } from './plan-files.ts';

const db: OfferedSecret = {
  binding: 'orders-db',
  secret: 'db',
  delivery: { files: [{ secret: 'db', path: 'db/password', key: 'password' }] },
  values: valuesOf({ username: 'u', password: 'p' }),
};
const plain: OfferedSecret = { ...db, secret: 'plain' };
const none: PodDelivery = { files: [] };
const pathsOf = (pod: PodDelivery, offered: readonly OfferedSecret[]): readonly string[] =>
  planFiles(pod, offered).map(({ path }) => path);

describe('planFiles()', () => {
  test("takes the binding's files, and one a key for a secret without", () => {
    expect(pathsOf(none, [db, plain])).toEqual(['db/password', 'plain/username', 'plain/password']);
  });

  test("takes the pod's files of a secret instead of the binding's", () => {
    const pod: PodDelivery = { files: [{ binding: 'orders-db', secret: 'db', path: 'env', format: 'dotenv' }] };
    expect(planFiles(pod, [db, plain])[0]).toEqual(pod.files[0]);
    expect(pathsOf(pod, [db])).toEqual(['env']);
  });

  test('gives nothing of a secret that was not offered', () => {
    const pod: PodDelivery = { files: [{ binding: 'other', secret: 'db', path: 'stolen' }] };
    expect(pathsOf(pod, [db])).toEqual(['db/password']);
  });

  test.each([
    { name: 'one path twice', paths: ['a/b', 'a/b'], reason: 'file_path_twice' },
    { name: 'a file where a folder is', paths: ['a/b', 'a'], reason: 'file_path_twice' },
    { name: "the socket's name", paths: ['agent.sock'], reason: 'file_path_reserved' },
    { name: 'a folder of that name', paths: ['agent.sock/a'], reason: 'file_path_reserved' },
    { name: 'a name of the set', paths: ['..data/x'], reason: 'file_path_reserved' },
  ])('refuses $name', ({ paths, reason }) => {
    const files = paths.map((path) => ({ binding: 'orders-db', secret: 'db', path }));
    expect(() => planFiles({ files }, [db])).toThrow(expect.objectContaining({ reason }));
  });
});

describe('wantsBinding()', () => {
  test('is true for all where the pod names none, else for those', () => {
    expect(wantsBinding(none, 'a')).toBe(true);
    expect([wantsBinding({ ...none, bindings: ['a'] }, 'a'), wantsBinding({ ...none, bindings: ['a'] }, 'b')]).toEqual([
      true,
      false,
    ]);
  });
});
