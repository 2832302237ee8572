import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generateSigningKey, signState } from '@letterlock/crypto';
import type { JcsObject, StateClaims } from '@letterlock/protocol';
import type { FakeService } from './testing/fake-service.ts';
import { startFixture, type Fixture } from './testing/fixture.ts';
import { inspectServer } from './inspect-server.ts';
import type { FirstContact } from './trust.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

/** What a service that must not be trusted may have received: the request for its state. */
function expectNoProof(service: FakeService): void {
  expect(service.seen.filter(({ authorization, body }) => authorization !== undefined || body !== '')).toEqual([]);
  expect(service.seen.every(({ path }) => path === '/v1/sys/state')).toBe(true);
}

describe('a server that is not the pinned one', () => {
  test('never receives a proof', async () => {
    const { service, alice, bob, client } = fixture;
    const pinned = generateSigningKey().thumbprint;
    const call = client(alice, { trust: { pinned } }).wrap({ to: bob.id, path: 'a', content: Buffer.from('secret') });
    await expect(call).rejects.toMatchObject({
      name: 'TrustError',
      code: 'fingerprint_mismatch',
      expected: pinned,
      actual: service.fingerprint,
    });
    expectNoProof(service);
  });

  const anotherKey = generateSigningKey();
  const claims = (service: FakeService): StateClaims => ({
    exp: service.dateSeconds + 300,
    iat: service.dateSeconds,
    inst: service.inst,
    td: 'test.example',
    tls: service.tlsKey.thumbprint,
  });
  test.each([
    {
      name: 'state for another TLS key',
      code: 'tls_key_mismatch',
      change: (service: FakeService) => ({
        jws: signState(service.instanceKey, { ...claims(service), tls: anotherKey.thumbprint }),
      }),
    },
    {
      name: 'state signed by another key',
      code: 'state_invalid',
      change: (service: FakeService) => ({ jws: signState(anotherKey, claims(service)) }),
    },
    {
      name: 'state of another trust domain than it is signed for',
      code: 'state_invalid',
      change: (service: FakeService) => ({
        jws: signState(service.instanceKey, { ...claims(service), td: 'other.example' }),
      }),
    },
    { name: 'unsigned state', code: 'state_invalid', change: () => ({ jws: undefined }) },
    { name: 'state without instance key', code: 'state_invalid', change: () => ({ sik: undefined }) },
  ])('with a $name never receives a proof', async ({ code, change }) => {
    const { service, alice, client } = fixture;
    service.changeState = (state) => withoutAbsent({ ...state, ...change(service) });
    const call = client(alice).status('AAAAAAAAAAAAAAAAAAAAAA');
    await expect(call).rejects.toMatchObject({ name: 'TrustError', code });
    expectNoProof(service);
  });

  test.each(['sealed', 'uninitialised'])('and says that it is %s is offered nothing', async (state) => {
    const { service, alice, client } = fixture;
    service.changeState = ({ sik, td, v }) =>
      withoutAbsent({ sik: state === 'sealed' ? sik : undefined, state, td, v });
    const call = client(alice).status('AAAAAAAAAAAAAAAAAAAAAA');
    await expect(call).rejects.toMatchObject({ code: state });
    expectNoProof(service);
  });

  test('and seals itself is refused by its instance key already', async () => {
    const { service, alice, client } = fixture;
    service.changeState = ({ sik, td, v }) => withoutAbsent({ sik, state: 'sealed', td, v });
    const pinned = generateSigningKey().thumbprint;
    await expect(client(alice, { trust: { pinned } }).unsealStatus()).rejects.toMatchObject({
      code: 'fingerprint_mismatch',
    });
    expectNoProof(service);
  });

  test('and says that it is uninitialised never receives a proof for its unseal state', async () => {
    const { service, alice, client } = fixture;
    service.changeState = ({ td, v }) => withoutAbsent({ state: 'uninitialised', td, v });
    await expect(client(alice).unsealStatus()).rejects.toMatchObject({ name: 'TrustError', code: 'state_invalid' });
    expectNoProof(service);
  });

  test.each([
    { name: 'a problem', answer: { status: 500, body: {} } },
    { name: 'another document', answer: { status: 200, body: { hello: 'world' } } },
  ])('and answers $name never receives a proof', async ({ answer }) => {
    const { service, alice, client } = fixture;
    service.intercept = () => answer;
    await expect(client(alice).status('AAAAAAAAAAAAAAAAAAAAAA')).rejects.toMatchObject({ code: 'bad_answer' });
    expectNoProof(service);
  });
});

describe('first contact', () => {
  test('is asked once and then pinned for the life of the client', async () => {
    const { service, alice, client } = fixture;
    const contacts: FirstContact[] = [];
    const onFirstContact = async (contact: FirstContact) => {
      contacts.push(contact);
      // A person takes longer than the other connections need to open.
      while (service.connections < 3) await new Promise(setImmediate);
      return true;
    };
    const calling = client(alice, { trust: { onFirstContact } });
    await Promise.all([calling.identity(alice.id), calling.identity(alice.id), calling.identity(alice.id)]);
    expect(contacts).toEqual([
      {
        address: service.address,
        fingerprint: service.fingerprint,
        instance: service.inst,
        trustDomain: 'test.example',
      },
    ]);
    const other = generateSigningKey();
    service.changeState = (state) => ({
      ...state,
      sik: other.jwk as unknown as JcsObject,
      jws: signState(other, { exp: 1, iat: 1, inst: service.inst, td: 'test.example', tls: service.tlsKey.thumbprint }),
    });
    service.killConnections();
    await expect(calling.identity(alice.id)).rejects.toMatchObject({ code: 'fingerprint_mismatch' });
    expect(contacts).toHaveLength(1);
  });

  test('declined sends no proof', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice, { trust: { onFirstContact: () => false } });
    await expect(calling.identity(alice.id)).rejects.toMatchObject({
      code: 'not_accepted',
      actual: service.fingerprint,
    });
    expectNoProof(service);
  });

  test('of a sealed server asks nobody: nothing of it is signed', async () => {
    const { service, alice, client } = fixture;
    service.changeState = ({ sik, td, v }) => withoutAbsent({ sik, state: 'sealed', td, v });
    const onFirstContact = () => {
      throw new Error('asked');
    };
    const state = await client(alice, { trust: { onFirstContact } }).state();
    expect(state).toMatchObject({ state: 'sealed', isVerified: false, instance: undefined });
    await expect(client(alice, { trust: { onFirstContact } }).unsealStatus()).rejects.toMatchObject({
      code: 'not_pinned',
    });
    expectNoProof(service);
  });

  test('refuses a pin of another form', () => {
    const { alice, client } = fixture;
    expect(() => client(alice, { trust: { pinned: 'abc' } })).toThrow('a fingerprint has 43 characters');
  });
});

describe('the statement', () => {
  test('past its end by the local clock only warns', async () => {
    const { service, alice, client } = fixture;
    const warnings: string[] = [];
    const calling = client(alice, {
      now: () => service.stateExpiresSeconds + 4000,
      onWarning: ({ code, message }) => warnings.push(`${code}: ${message}`),
    });
    expect((await calling.identity(alice.id)).id).toBe(alice.id);
    expect(warnings).toEqual([
      'state_expired: The state of the server ended 4000 s ago by the local clock; is the clock right?',
    ]);
  });

  test('is read anew by each state()', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice);
    await calling.state();
    expect(service.seen).toHaveLength(1);
    service.changeState = ({ sik, td, v }) => withoutAbsent({ sik, state: 'sealed', td, v });
    expect((await calling.state()).state).toBe('sealed');
    expect((await calling.state()).state).toBe('sealed');
    expect(service.seen).toHaveLength(3);
  });

  test('is read again on a connection from before the unsealing', async () => {
    const { service, alice, client } = fixture;
    const calling = client(alice);
    const { changeState } = service;
    service.changeState = ({ sik, td, v }) => withoutAbsent({ sik, state: 'sealed', td, v });
    expect((await calling.state()).isVerified).toBe(false);
    service.changeState = changeState;
    expect((await calling.identity(alice.id)).id).toBe(alice.id);
    expect(service.connections).toBe(1);
  });
});

describe('inspectServer()', () => {
  test('shows what a person compares', async () => {
    const { service } = fixture;
    const inspection = await inspectServer(service.address);
    expect(inspection).toMatchObject({
      address: service.address,
      fingerprint: service.fingerprint,
      instance: service.inst,
      isSigned: true,
      state: 'unsealed',
      tlsThumbprint: service.tlsKey.thumbprint,
      serverSeconds: service.dateSeconds,
    });
    expect(inspection.certificates[0]).toContain('BEGIN CERTIFICATE');
    expectNoProof(service);
  });

  test('refuses a state that contradicts the connection', async () => {
    const { service } = fixture;
    service.changeState = (state) => withoutAbsent({ ...state, jws: undefined });
    await expect(inspectServer(service.address)).rejects.toMatchObject({ code: 'state_invalid' });
  });
});

function withoutAbsent(value: Readonly<Record<string, unknown>>): JcsObject {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as JcsObject;
}
