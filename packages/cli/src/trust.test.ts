import { beforeEach, describe, expect, test } from '@jest/globals';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { KnownServersFile, type KnownServer } from './state/known-servers.ts';
import { usePeople } from './testing/people.ts';
import { freePort } from './testing/relay.ts';
import { makeHome, runCli, words } from './testing/run-cli.ts';

const people = usePeople();
const otherFingerprint = 'KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI';
let pins: KnownServersFile;
let pin: KnownServer;

beforeEach(() => {
  pins = new KnownServersFile(people.home.config);
  pin = {
    fingerprint: people.service.fingerprint,
    instance: 'AAAAAAAAAAAAAAAAAAAAAA',
    trustDomain: 'test.example',
    pinnedAt: 1_790_000_000,
  };
  pins.put(people.service.origin, pin);
});

describe('a first contact', () => {
  test('without a terminal and without --trust ends with status 2, and does not hang', async () => {
    pins.remove(people.service.origin);

    const { status, stderr, stdout } = await people.run('writer', 'identity show');

    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/standard input is not a terminal; .*--trust/);
    expect(pins.all()).toEqual({});
  });

  test('with --trust accepts exactly this fingerprint', async () => {
    pins.remove(people.service.origin);

    const right = await people.run('writer', `identity show --trust ${people.service.fingerprint}`);
    const wrong = await people.run('writer', `identity show --trust ${otherFingerprint}`);

    expect([right.status, wrong.status]).toEqual([0, 8]);
    expect(wrong.stderr).toContain(otherFingerprint);
    expect(wrong.stderr).toContain(people.service.fingerprint);
  });

  test('with "trust add" and another --trust pins nothing', async () => {
    using home = makeHome();

    const { status } = await runCli(words(`trust add --address ${people.service.origin} --trust ${otherFingerprint}`), {
      home,
    });

    expect(status).toBe(8);
    expect(new KnownServersFile(home.config).all()).toEqual({});
  });

  test('with "trust add --trust" pins it', async () => {
    using home = makeHome();

    const { status } = await runCli(
      words(`trust add --address ${people.service.origin} --trust ${people.service.fingerprint}`),
      { home },
    );

    expect(status).toBe(0);
    expect(new KnownServersFile(home.config).find(people.service.origin)).toMatchObject({
      fingerprint: people.service.fingerprint,
      trustDomain: 'test.example',
    });
  });
});

describe('a changed fingerprint', () => {
  const commands = [
    'identity show',
    'wrap --to reader --path team-a/db',
    'status',
    'trust add',
    'trust export',
    'seal',
    'doctor',
  ];

  test.each(commands)('stops "%s" and shows both (3.9-9)', async (command) => {
    pins.put(people.service.origin, { ...pin, fingerprint: otherFingerprint });

    const { status, stderr, stdout } = await people.run('writer', command, 'x');

    expect(status).toBe(command === 'doctor' ? 1 : 8);
    expect(stderr + stdout).toContain(otherFingerprint);
    expect(stderr + stdout).toContain(people.service.fingerprint);
    expect(pins.find(people.service.origin)?.fingerprint).toBe(otherFingerprint);
  });

  test('is not overruled by --trust', async () => {
    pins.put(people.service.origin, { ...pin, fingerprint: otherFingerprint });

    const { status } = await people.run('writer', `identity show --trust ${people.service.fingerprint}`);

    expect(status).toBe(8);
  });

  test('is replaced by "trust add --replace", which forgets the shares of the other instance', async () => {
    pins.put(people.service.origin, {
      ...pin,
      fingerprint: otherFingerprint,
      shares: {
        [people.service.people.admin.id]: {
          instance: 'AAAAAAAAAAAAAAAAAAAAAA',
          generation: 1,
          commitment: otherFingerprint,
          boot: otherFingerprint,
        },
      },
    });

    const { status } = await people.run('writer', `trust add --replace --trust ${people.service.fingerprint}`);

    expect(status).toBe(0);
    expect(pins.find(people.service.origin)).toMatchObject({ fingerprint: people.service.fingerprint });
    expect(pins.find(people.service.origin)?.shares).toBeUndefined();
  });
});

describe('the file of pins', () => {
  test.each([
    {
      name: 'others can write',
      spoil: (path: string) => chmodSync(path, 0o622),
      message: /others can write it; .*chmod 600/,
    },
    { name: 'is damaged', spoil: (path: string) => writeFileSync(path, '{"a":'), message: /is damaged/ },
    {
      name: 'holds something else',
      spoil: (path: string) => writeFileSync(path, '{"https://a.example":{"fingerprint":"x"}}'),
      message: /is damaged/,
    },
  ])('that $name is not believed', async ({ spoil, message }) => {
    spoil(pins.path);

    const { status, stderr } = await people.run('writer', 'identity show');

    expect(status).toBe(8);
    expect(stderr).toMatch(message);
    writeFileSync(pins.path, '{}', { mode: 0o600 });
    chmodSync(pins.path, 0o600);
  });

  test('is listed, shown and emptied by the verbs', async () => {
    const listed = await people.run('writer', 'trust list -o json');
    const shown = await people.run('writer', 'trust show --quiet');
    const removed = await people.run('writer', 'trust remove');

    expect(JSON.parse(listed.stdout)).toEqual({
      servers: [
        {
          address: people.service.origin,
          fingerprint: people.service.fingerprint,
          trustDomain: 'test.example',
          pinnedAt: 1_790_000_000,
        },
      ],
    });
    expect(shown.stdout).toBe(`${people.service.fingerprint}\n`);
    expect(removed.status).toBe(0);
    expect(pins.all()).toEqual({});
  });
});

describe('letterlock trust export', () => {
  test('prints what other tools can verify the service with', async () => {
    const { status } = await people.run('writer', 'trust export --out ca.crt --force');

    expect(status).toBe(0);
    expect(readFileSync(people.home.path('ca.crt'), 'utf8')).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
  });
});

describe('names of people', () => {
  test('a pinned name keeps its id', async () => {
    const { admin, reader } = people.service.people;

    const other = await people.run('writer', `identity show ${reader.id} --pin admin`);
    const same = await people.run('writer', `identity show ${reader.id} --pin reader`);

    expect([other.status, same.status]).toEqual([8, 0]);
    expect(other.stderr).toContain(`The name admin is pinned to ${admin.id}`);
    expect(other.stderr).toContain('--force');
  });

  test('an identity that calls itself by the pinned name of another is warned of', async () => {
    await runCli(words('key generate --out impostor.key --force'), { home: people.home });
    const register = `identity register --key ${people.home.path('impostor.key')} --admin-key admin.key --name reader`;

    const { status, stderr } = await people.run('writer', register);

    expect(status).toBe(8);
    expect(stderr).toMatch(/Warning: \S{43} calls itself reader, and that name belongs to \S{43} here/);
  });

  test('an older keyset than one seen before is refused', async () => {
    const path = `${people.home.config}/known-identities.json`;
    const content = JSON.parse(readFileSync(path, 'utf8')) as { keysets: Record<string, object> };
    const { id, keyset } = people.service.people.reader;
    writeFileSync(path, JSON.stringify({ ...content, keysets: { ...content.keysets, [id]: { seq: 9, keyset } } }));

    writeFileSync(people.home.path('old.keyset'), keyset!);
    const offline = 'wrap --offline --to reader --path team-a/db --out envelope.json --keyset old.keyset';

    const fetched = await people.run('writer', 'wrap --to reader --path team-a/db', 'x');
    const given = await people.run('writer', offline, 'x');

    writeFileSync(path, JSON.stringify(content));
    expect([fetched.status, given.status]).toEqual([8, 8]);
    expect(fetched.stderr).toContain('its seq is 1, seen was 9');
    expect(given.stderr).toContain('has number 1, and number 9 was seen before');
  });

  test('a name that is not pinned is not guessed', async () => {
    const { status, stderr } = await people.run('writer', 'wrap --to nobody --path team-a/db', 'x');

    expect(status).toBe(2);
    expect(stderr).toContain('identity show ID --pin nobody');
  });
});

describe('"doctor" with several addresses', () => {
  test('looks at each, and says which one does not answer', async () => {
    pins.put(people.service.origin, pin);
    const silent = `https://localhost:${await freePort()}`;

    const { status, stdout } = await people.run(
      'writer',
      `doctor --address ${people.service.origin},${silent} -o json`,
    );

    const findings = (
      JSON.parse(stdout) as { readonly checks: readonly { check: string; level: string; found: string }[] }
    ).checks;
    const services = findings.filter(({ check }) => check === 'service');
    expect(status).toBe(1);
    expect(services.map(({ level }) => level)).toEqual(['ok', 'fail']);
    expect(services.map(({ found }) => found.includes('localhost'))).toEqual([true, true]);
    expect(services[1]!.found).toContain(silent.slice('https://'.length));
  });
});
