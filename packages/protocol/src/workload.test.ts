import { describe, expect, test } from '@jest/globals';
import { readWorkloadUri, workloadLifetimes, workloadSelectorOf, workloadUri } from './workload.ts';
import { workloadSelector } from './names.ts';

const identity = { td: 'prod.example', ns: 'shop', sa: 'orders', pod: '3f2504e0-4f89-41d3-9a0c-0305e82c3301' };
const uri = 'spiffe://prod.example/ns/shop/sa/orders/pod/3f2504e0-4f89-41d3-9a0c-0305e82c3301';

describe('workloadUri()', () => {
  test('writes what readWorkloadUri reads', () => {
    expect(workloadUri(identity)).toBe(uri);
    expect(readWorkloadUri(uri)).toEqual(identity);
  });

  test.each([
    { name: 'a slash in the namespace', change: { ns: 'a/sa/b' } },
    { name: 'an uppercase trust domain', change: { td: 'Prod.example' } },
    { name: 'an empty ServiceAccount', change: { sa: '' } },
    { name: 'no uid', change: { pod: 'x' } },
    { name: 'names that only together look right', change: { td: 'prod.example/ns/a', ns: 'b' } },
  ])('refuses $name', ({ change }) => {
    expect(() => workloadUri({ ...identity, ...change })).toThrow(RangeError);
  });
});

describe('readWorkloadUri()', () => {
  test.each([
    '',
    uri.slice(0, -1),
    `${uri}0`,
    `${uri}/`,
    ` ${uri}`,
    `${uri}\n`,
    uri.toUpperCase(),
    uri.replace('3f', '3F'),
    uri.replace('orders', 'orders%2Fx'),
    uri.replace('/sa/', '/sa//'),
    uri.replace('shop', '-shop'),
    uri.replace('shop', 'shop.x'),
    uri.replace('spiffe', 'https'),
    'spiffe://prod.example/ns/shop/sa/orders',
  ])('reads no workload in %j', (text) => {
    expect(readWorkloadUri(text)).toBeUndefined();
  });
});

describe('workloadSelectorOf()', () => {
  test('is what grants and envelopes name', () => {
    expect(workloadSelector(workloadSelectorOf(identity), '')).toBe('spiffe://prod.example/ns/shop/sa/orders');
  });
});

test('an authority that stopped signing is trusted until its last certificate has ended', () => {
  expect(workloadLifetimes.leafMaximum).toBe(workloadLifetimes.leaf + workloadLifetimes.backdated);
  expect(workloadLifetimes.authorityRetired).toBe(workloadLifetimes.authorityPublished + workloadLifetimes.leafMaximum);
});
