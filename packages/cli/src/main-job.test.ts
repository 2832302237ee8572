import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { usePeople } from './testing/people.ts';
import { runCli, words } from './testing/run-cli.ts';

const people = usePeople();
const { run, wrap } = people;

const identifier = expect.stringMatching(/^[A-Za-z0-9_-]{22}$/);
const hash = expect.stringMatching(/^[A-Za-z0-9_-]{43}$/);
const jws = expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/);

describe('a wrap from file to file', () => {
  test('is looked up, opened once byte for byte, and then gone', async () => {
    const content = randomBytes(300_000);
    writeFileSync(people.home.path('secret.bin'), content);

    const wrapped = await run('writer', 'wrap --to reader --path team-a/db --file secret.bin -o json --expires 2h');
    expect(wrapped.status).toBe(0);
    const result = JSON.parse(wrapped.stdout) as Record<string, string>;
    expect(result).toEqual({
      id: identifier,
      to: people.service.people.reader.id,
      path: 'team-a/db',
      expiresAt: expect.any(Number),
      envelopeHash: hash,
      receipt: jws,
      instanceKey: expect.objectContaining({ kty: 'EC' }),
    });
    const id = result['id']!;

    const before = await run('writer', `lookup ${id}`);
    expect(before.stdout).toMatch(/^state +stored .* UTC, never opened$/m);

    const opened = await run('reader', `open ${id} --out got.bin`);
    expect({ status: opened.status, stderr: opened.stderr }).toEqual({ status: 0, stderr: '' });
    expect(opened.stdout).toMatch(/^name +secret\.bin$/m);
    expect(readFileSync(people.home.path('got.bin')).equals(content)).toBe(true);
    expect(statSync(people.home.path('got.bin')).mode & 0o777).toBe(0o600);
    expect(existsSync(`${people.home.state}/claims/${id}.json`)).toBe(false);

    const again = await run('reader', `open ${id} --out again.bin`);
    expect(again.status).toBe(5);
    expect(again.stderr).toContain(`opened by key reader (${people.service.people.reader.id}), acknowledged 20`);
    expect(again.stderr).toContain('proved by a receipt');
    expect(existsSync(people.home.path('again.bin'))).toBe(false);

    const after = await run('writer', `lookup ${id} -o json`);
    expect(JSON.parse(after.stdout)).toEqual({
      id,
      state: 'OPENED',
      at: expect.any(Number),
      openedBy: people.service.people.reader.id,
      opening: 'verified',
      acknowledgement: 'verified',
      receipt: jws,
      instanceKey: expect.objectContaining({ kty: 'EC' }),
    });
  });

  test('goes through pipes, and nothing else is on standard output', async () => {
    const id = await wrap('from a pipe');

    const { status, stdout } = await run('reader', `open ${id}`);

    expect({ status, stdout }).toEqual({ status: 0, stdout: 'from a pipe' });
  });

  test('is revoked by its writer, and says so to the reader', async () => {
    const id = await wrap('never read');

    const revoked = await run('writer', `revoke ${id}`);
    const opened = await run('reader', `open ${id}`);

    expect(revoked.stdout).toMatch(/^state +revoked/m);
    expect(opened.status).toBe(5);
    expect(opened.stderr).toMatch(/revoked .* never opened \(proved by a receipt\)/);
    expect(opened.stdout).toBe('');
  });

  test('without acknowledgement is opened again by the same command', async () => {
    const id = await wrap('twice');

    const first = await run('reader', `open ${id} --no-ack`);
    const state = await people.stateOf(id);
    const second = await run('reader', `open ${id}`);

    expect([first.stdout, state, second.stdout]).toEqual(['twice', 'CLAIMED', 'twice']);
  });

  test('from another writer than --from is refused before anything is written', async () => {
    const id = await wrap('from the writer');

    const { status, stdout } = await run('reader', `open ${id} --from admin`);

    expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
  });
});

describe('a receipt', () => {
  test('verifies without the service, and not against another fingerprint', async () => {
    await run('writer', 'wrap --to reader --path team-a/db --receipt r.json', 'x');
    const offline = { LETTERLOCK_ADDRESS: people.service.origin };

    const good = await runCli(words('receipt r.json'), { home: people.home, environment: offline });
    const bad = await runCli(words(`receipt r.json --trust ${people.service.people.reader.id}`), {
      home: people.home,
      environment: offline,
    });
    const file = readFileSync(people.home.path('r.json'), 'utf8');
    // One character of the signature.
    writeFileSync(
      people.home.path('forged.json'),
      file.replace(/(\.[\w-]{10})(\w)([\w-]+","instanceKey)/, (_, a, b, c) => `${a}${b === 'A' ? 'B' : 'A'}${c}`),
    );
    const forged = await runCli(words('receipt forged.json'), { home: people.home, environment: offline });

    expect(good.stdout).toMatch(/^receipt +valid$/m);
    expect([good.status, bad.status, forged.status]).toEqual([0, 8, 8]);
    expect(bad.stderr).toContain(people.service.fingerprint);
  });
});

describe('exit statuses of the service', () => {
  test.each([
    {
      name: '3 for a key that is not registered',
      person: 'stranger' as const,
      command: 'identity show reader',
      status: 3,
    },
    { name: '4 without a grant', person: 'writer' as const, command: 'wrap --to reader --path team-b/db', status: 4 },
    {
      name: '4 for a wrap that is not there',
      person: 'reader' as const,
      command: 'open AAAAAAAAAAAAAAAAAAAAAA',
      status: 4,
    },
    { name: '4 for an admin call by somebody else', person: 'writer' as const, command: 'grant list', status: 4 },
  ])('$name', async ({ person, command, status }) => {
    if (person === 'stranger') await runCli(words('key generate --out stranger.key --force'), { home: people.home });

    const ran = await run(person, command, 'x');

    expect({ status: ran.status, stdout: ran.stdout }).toEqual({ status, stdout: '' });
    expect(ran.stderr).toMatch(/^letterlock: [^\n]+\n$/);
  });

  test('7 where nobody listens', async () => {
    const { status, stderr } = await runCli(words('status --address https://localhost:1'), { home: people.home });

    expect(status).toBe(7);
    expect(stderr).toContain('check the address');
  });
});
