import { describe, expect, test } from '@jest/globals';
import { findEngine, makeImage, over } from './engines.ts';
import { nodeBaseConfiguration } from './node-base.ts';

describe('findEngine()', () => {
  test.each([
    { name: 'buildah first', there: ['buildah', 'docker'], found: 'buildah' },
    { name: 'docker', there: ['docker'], found: 'docker' },
    { name: 'none', there: [], found: 'none' },
  ])('takes $name', ({ there, found }) => {
    expect(findEngine((engine) => there.includes(engine))).toBe(found);
  });
});

describe('makeImage()', () => {
  const order = { name: 'x:1', dockerfile: 'none', context: '.', file: 'none', scratch: 'none' };

  test.each(['buildah', 'docker'] as const)('asks for the base image that %s needs', async (engine) => {
    await expect(makeImage(engine, order)).rejects.toThrow('need --base with a distroless image of Node 26');
  });
});

describe('over()', () => {
  const base = { ...nodeBaseConfiguration, command: ['--of-base'] };
  const own = { environment: { A: '1' }, labels: {}, ports: ['1/tcp'], entrypoint: ['/x'], command: [] };

  test('keeps what the Dockerfile does not say', () => {
    expect(over(base, own)).toMatchObject({ user: '65532:65532', workingFolder: '/' });
  });

  test('adds variables and ports', () => {
    expect(over(base, own)).toMatchObject({ environment: { ...base.environment, A: '1' }, ports: ['1/tcp'] });
  });

  test('forgets the command of the base with its entrypoint', () => {
    expect(over(base, own)).toMatchObject({ entrypoint: ['/x'], command: [] });
  });

  test('keeps the entrypoint and command of the base otherwise', () => {
    expect(over(base, { ...own, entrypoint: [] })).toMatchObject({
      entrypoint: base.entrypoint,
      command: ['--of-base'],
    });
  });
});
