import { describe, expect, test } from '@jest/globals';
import { agentVariables, readPodDelivery, writePodDelivery, type PodDelivery } from './agent-contract.ts';

const delivery: PodDelivery = {
  bindings: ['orders-db'],
  files: [
    { binding: 'orders-db', secret: 'db', path: 'db/url', template: 'a $(HOME) \\u0024 \\\\u0024 "<< .x >>"\n$' },
    { binding: 'orders-db', secret: 'db', key: 'password', path: 'db/password', perms: '0444' },
  ],
  on_missing: 'Wait',
  on_update: { action: 'HTTP', path: '/reload', port: 8080 },
  wait_timeout_seconds: 240,
};

describe('readPodDelivery()', () => {
  test('reads what writePodDelivery wrote, which has no dollar sign', () => {
    const text = writePodDelivery(delivery);
    expect(text).not.toContain('$');
    expect(readPodDelivery(text)).toEqual(delivery);
    expect(readPodDelivery(writePodDelivery({ files: [] }))).toEqual({ files: [] });
  });

  const file = delivery.files[1]!;
  test.each([
    { name: 'no JSON', text: '{' },
    { name: 'a list', text: '[]' },
    { name: 'null', text: '{"files":null}' },
    { name: 'no files', text: '{}' },
    { name: 'an unknown member', text: '{"files":[],"image":"x"}' },
    ...['/etc/passwd', '../x', 'a/../b', 'a/.', '', 'a//b', 'a\nb'].map((path) => ({
      name: `the path ${JSON.stringify(path)}`,
      text: JSON.stringify({ files: [{ ...file, path }] }),
    })),
    { name: 'other permissions', text: JSON.stringify({ files: [{ ...file, perms: '0777' }] }) },
    { name: 'a binding elsewhere', text: JSON.stringify({ files: [{ ...file, binding: 'a/b' }] }) },
  ])('refuses $name', ({ text }) => {
    expect(() => readPodDelivery(text)).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
  });
});

// Kubernetes fills such variables for every Service of the namespace.
test.each(Object.values(agentVariables))('%s is no variable of a Service', (name) => {
  expect(name).toMatch(/^LETTERLOCK_[A-Z_]+$/);
  expect(name).not.toMatch(/_(?:PORT|HOST|ADDR|PROTO)$/);
});
