import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Authority } from '@letterlock/core';
import {
  caBundleOf,
  createWebhookAuthority,
  decodeWebhookAuthorities,
  encodeWebhookAuthorities,
  issueWebhookCertificate,
  planAuthorities,
} from './webhook-authority.ts';

const t = 1_790_000_000;
const day = 86_400;

describe('planAuthorities()', () => {
  let first: Authority;
  let second: Authority;
  beforeAll(async () => {
    first = await createWebhookAuthority('prod.example', t);
    second = await createWebhookAuthority('prod.example', t + 60 * day + 1);
  });

  test.each([
    { name: 'none is held', held: (): Authority[] => [], at: t, signing: undefined, trusted: 0, isNewDue: true },
    { name: 'the first one is new', held: () => [first], at: t, signing: 'first', trusted: 1, isNewDue: false },
    {
      name: 'it has more than 30 days',
      held: () => [first],
      at: t + 60 * day - 1,
      signing: 'first',
      trusted: 1,
      isNewDue: false,
    },
    {
      name: 'it has less than 30 days',
      held: () => [first],
      at: t + 60 * day + 1,
      signing: 'first',
      trusted: 1,
      isNewDue: true,
    },
    {
      name: 'the second was just published',
      held: () => [second, first],
      at: t + 60 * day + 600,
      signing: 'first',
      trusted: 2,
      isNewDue: false,
    },
    {
      name: 'the second is known',
      held: () => [first, second],
      at: t + 60 * day + 601,
      signing: 'second',
      trusted: 2,
      isNewDue: false,
    },
    {
      name: 'the first has ended',
      held: () => [first, second],
      at: t + 90 * day,
      signing: 'second',
      trusted: 1,
      isNewDue: false,
    },
    { name: 'all have ended', held: () => [first], at: t + 90 * day, signing: undefined, trusted: 0, isNewDue: true },
  ])('when $name', ({ held, at, signing, trusted, isNewDue }) => {
    const plan = planAuthorities(held(), at);
    const names = new Map([
      [first.key.thumbprint, 'first'],
      [second.key.thumbprint, 'second'],
    ]);
    expect(plan.signing === undefined ? undefined : names.get(plan.signing.key.thumbprint)).toBe(signing);
    expect(plan.trusted).toHaveLength(trusted);
    expect(plan.isNewDue).toBe(isNewDue);
  });

  test('a certificate names the Service, lives for an hour, and is trusted by the bundle', async () => {
    const hosts = ['letterlock-webhook.letterlock-system.svc'];
    const issued = await issueWebhookCertificate({ signing: first, hosts, nowSeconds: t });
    const leaf = new X509Certificate(issued.certificate);
    const authority = new X509Certificate(Buffer.from(caBundleOf([first]), 'base64'));
    expect(leaf.checkHost(hosts[0]!)).toBe(hosts[0]);
    expect(leaf.checkIssued(authority) && leaf.verify(authority.publicKey)).toBe(true);
    expect(Date.parse(leaf.validTo) / 1000).toBe(t + 3600);
  });

  test('what is stored reads back', () => {
    const held = decodeWebhookAuthorities(encodeWebhookAuthorities([first, second]), 'prod.example');
    expect(held.map(({ key }) => key.thumbprint)).toEqual([first.key.thumbprint, second.key.thumbprint]);
  });

  test.each([
    { name: 'another domain', change: {}, domain: 'other.example' },
    { name: 'a key that is missing', change: { 'authority-0.key': undefined }, domain: 'prod.example' },
    { name: 'a key that is no key', change: { 'authority-0.key': 'AAAA' }, domain: 'prod.example' },
    { name: 'a certificate that is none', change: { 'authority-0.crt': 'AAAA' }, domain: 'prod.example' },
  ])('does not take $name', ({ change, domain }) => {
    const data: Record<string, string | undefined> = { ...encodeWebhookAuthorities([first]), ...change };
    const kept = Object.fromEntries(
      Object.entries(data).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    expect(decodeWebhookAuthorities(kept, domain)).toEqual([]);
  });

  test("does not take another authority's key", () => {
    const data = {
      ...encodeWebhookAuthorities([first]),
      'authority-0.key': encodeWebhookAuthorities([second])['authority-0.key']!,
    };
    expect(decodeWebhookAuthorities(data, 'prod.example')).toEqual([]);
  });
});
