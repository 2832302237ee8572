import { expect, test } from '@jest/globals';
import { onceSecretsOf, type LiveSecret } from './live-binding.ts';

test.each<{ name: string; secret: LiveSecret; told: object[] }>([
  { name: 'its own time', secret: { name: 'a', opens: 'Once', ttlSeconds: 5400 }, told: [{ name: 'a', ttl: 5400 }] },
  { name: 'a day where it has none', secret: { name: 'a', opens: 'Once' }, told: [{ name: 'a', ttl: 86_400 }] },
  {
    name: 'thirty days at most',
    secret: { name: 'a', opens: 'Once', ttlSeconds: 8760 * 3600 },
    told: [{ name: 'a', ttl: 30 * 86_400 }],
  },
  { name: 'nothing of one that is opened again and again', secret: { name: 'a', opens: 'Unlimited' }, told: [] },
])('writers are told of $name', ({ secret, told }) => {
  expect(onceSecretsOf({ secrets: [secret] })).toEqual(told);
});
