import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createIdentity, type Keyset } from '@letterlock/client';
import { createProof, hash43, verifyKeyset } from '@letterlock/crypto';
import { ProblemError } from '@letterlock/protocol';
import { openerOf } from './opener.ts';
import { Output } from './output.ts';
import type { PeopleContext } from './people.ts';
import { KnownIdentitiesFile } from './state/known-identities.ts';
import { makeHome, type Home } from './testing/run-cli.ts';

const reader = createIdentity({ name: 'reader' });
const other = createIdentity({ name: 'other' });
const id = 'AAECAwQFBgcICQoLDA0ODw';
let home: Home;
let context: PeopleContext;

beforeEach(() => {
  home = makeHome();
  context = {
    knownIdentities: new KnownIdentitiesFile(home.config),
    output: new Output({ isJson: false, isQuiet: true, write: () => undefined, writeNote: () => undefined }),
    progress: (_what, work) => work,
    signal: new AbortController().signal,
  };
});
afterEach(() => home[Symbol.dispose]());

function proofOf(path: string): string {
  return createProof({
    key: reader.signingKey,
    method: 'POST',
    target: `https://a.example${path}`,
    bodyHash: hash43(''),
    nonce: 'A'.repeat(54),
    iat: 1_790_000_000,
  });
}

function opener(jws: string, keyset: () => Keyset = () => verifyKeyset(reader.keyset!)) {
  const source = { client: { identity: () => Promise.resolve().then(keyset) } };
  return openerOf(context, source, id, { standing: 'unchecked', jws });
}

describe('openerOf()', () => {
  test('verifies the request with the key that it names', async () => {
    expect(await opener(proofOf(`/v1/wraps/${id}/open`))).toEqual({ id: reader.id, standing: 'verified' });
  });

  test.each([
    { name: 'of another wrap', jws: proofOf('/v1/wraps/BBECAwQFBgcICQoLDA0ODw/open') },
    { name: 'that only asked for the state', jws: proofOf(`/v1/wraps/${id}/status`) },
    // The last character but one: the last holds bits that must be zero.
    {
      name: 'whose signature was changed',
      jws: proofOf(`/v1/wraps/${id}/open`).replace(/.(?=.$)/, (c) => (c === 'A' ? 'B' : 'A')),
    },
  ])('does not believe a request $name', async ({ jws }) => {
    expect(await opener(jws)).toEqual({ id: reader.id, standing: 'invalid' });
  });

  test('does not believe a request with the key of somebody else', async () => {
    const { standing } = (await opener(proofOf(`/v1/wraps/${id}/open`), () => verifyKeyset(other.keyset!)))!;

    expect(standing).toBe('invalid');
  });

  test('says so where the key is not known any more', async () => {
    const gone = (): Keyset => {
      throw new ProblemError('not_found');
    };

    expect(await opener(proofOf(`/v1/wraps/${id}/open`), gone)).toEqual({ id: undefined, standing: 'unchecked' });
  });
});
