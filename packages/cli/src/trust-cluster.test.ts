/** Pinning a cluster with the real program and a kubectl of the test; each test goes on where the one before ended. @module */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { hash43 } from '@letterlock/crypto';
import { KnownServersFile } from './state/known-servers.ts';
import type { ClusterPin } from './state/cluster-pin.ts';
import { clusterSigner, issuer } from './testing/cluster-signer.ts';
import { serverDigest, soundCluster, writeFakeKubectl, type FakeCluster } from './testing/fake-cluster.ts';
import { makeHome, runCli, words, type Home, type Ran } from './testing/run-cli.ts';
import { runAtTerminal } from './testing/terminal.ts';

jest.setTimeout(60_000);

const origins = ['https://a.example:8443', 'https://b.example:8443'];
const [first, second] = [clusterSigner('first'), clusterSigner('second')];
let home: Home;

beforeAll(() => {
  home = makeHome();
  const servers = new KnownServersFile(home.config);
  const server = { instance: 'i', trustDomain: 'test.example', pinnedAt: 1 };
  for (const origin of origins) servers.put(origin, { ...server, fingerprint: hash43('instance') });
  servers.put('https://other.example:8443', { ...server, fingerprint: hash43('other') });
  useCluster(first.documents);
});
afterAll(() => home[Symbol.dispose]());

function useCluster(documents: FakeCluster['documents'] & object): void {
  writeFakeKubectl(home.path('bin'), { ...soundCluster(0), documents });
}

const environment = (): Record<string, string> => ({
  PATH: `${home.path('bin')}:${process.env['PATH'] ?? ''}`,
  LETTERLOCK_ADDRESS: origins[0]!,
});
const run = (line: string): Promise<Ran> => runCli(words(line), { home, environment: environment() });
const pins = (): readonly (ClusterPin | undefined)[] =>
  [...origins, 'https://other.example:8443'].map((origin) => new KnownServersFile(home.config).find(origin)?.cluster);

describe('letterlock trust cluster', () => {
  test('needs somebody to say which images are right', async () => {
    const ran = await run('trust cluster');
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringContaining('--image') });
    expect(pins()).toEqual([undefined, undefined, undefined]);
  });

  test('asks about those that run, and pins nothing that is not accepted', async () => {
    const typing = [['Type yes to accept', 'no\r']] as const;
    const { output } = await runAtTerminal(words('trust cluster'), typing, { home, environment: environment() });
    expect(output).toContain(serverDigest);
    expect(pins()).toEqual([undefined, undefined, undefined]);
  });

  test('pins for each address of the service, and for no other service', async () => {
    const ran = await run(`trust cluster --image ${serverDigest} -o json`);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const expected = {
      issuer,
      keys: [first.jwk],
      namespace: 'll',
      serviceAccount: 'letterlock-server',
      images: [serverDigest],
      isReachable: true,
    };
    expect(pins()).toEqual([expect.objectContaining(expected), expect.objectContaining(expected), undefined]);
    expect((JSON.parse(ran.stdout) as { readonly cluster: object }).cluster).toMatchObject(expected);
    expect((await run('trust show')).stdout).toContain(issuer);
  });

  test('asks nothing when nothing new runs', async () => {
    expect(await run('trust cluster')).toMatchObject({ status: 0 });
  });

  test('refuses keys that are all new, and another issuer, and changes nothing', async () => {
    const before = pins();
    useCluster(second.documents);
    expect(await run('trust cluster')).toMatchObject({ status: 8, stderr: expect.stringContaining('none of its') });
    useCluster({ ...first.documents, '/.well-known/openid-configuration': { issuer: 'https://x' } });
    expect(await run('trust cluster')).toMatchObject({ status: 8, stderr: expect.stringContaining('ANOTHER') });
    expect(pins()).toEqual(before);
  });

  test('takes new keys beside a pinned one', async () => {
    useCluster({ ...first.documents, '/openid/v1/jwks': { keys: [first.jwk, second.jwk] } });
    expect(await run('trust cluster')).toMatchObject({ status: 0 });
    expect(pins()[0]?.keys).toEqual([first.jwk, second.jwk]);
  });

  test('replaces them when it is told to', async () => {
    useCluster(first.documents);
    await run('trust cluster');
    useCluster(second.documents);
    expect(await run('trust cluster --replace --context prod')).toMatchObject({ status: 0 });
    expect(pins()[0]).toMatchObject({ keys: [second.jwk], context: 'prod' });
  });

  test('takes keys from a file, for who cannot reach the cluster', async () => {
    writeFileSync(home.path('keys.json'), JSON.stringify({ keys: [second.jwk] }));
    const named = '--namespace ll --service-account letterlock-server';
    const line = `trust cluster --jwks keys.json --issuer ${issuer}`;
    expect(await run(`${line} ${named}`)).toMatchObject({ status: 0 });
    expect(pins()[0]).toMatchObject({ isReachable: false, images: [serverDigest] });
    expect(await run(line)).toMatchObject({ status: 8, stderr: expect.stringContaining('namespace is ANOTHER') });
    expect(await run(`trust cluster --jwks keys.json ${named}`)).toMatchObject({ status: 2 });
    writeFileSync(home.path('keys.json'), '{"keys":[]}');
    expect(await run(`${line} ${named}`)).toMatchObject({ status: 2, stderr: expect.stringContaining('no key') });
    writeFileSync(home.path('keys.json'), '{');
    expect(await run(`${line} ${named}`)).toMatchObject({ status: 2, stderr: expect.stringContaining('no JSON') });
  });

  test.each([
    { name: 'an image that is no digest', line: 'trust cluster --image server:1', says: 'digest' },
    {
      name: 'a service that is not pinned',
      line: `trust cluster --image ${serverDigest} --address https://new.example`,
      says: 'letterlock trust add',
    },
    { name: 'a cluster for an unseal that is not pinned', line: 'unseal --offline', says: 'trust cluster' },
  ])('refuses $name', async ({ line, says }) => {
    const key = line.startsWith('unseal');
    if (key) await run('key generate --out me.key');
    const ran = await run(key ? `${line} --key me.key --address https://other.example:8443` : line);
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringContaining(says) });
  });
});
