import { describe, expect, test } from '@jest/globals';
import { certificatePem, createSelfSignedCertificate } from '@letterlock/crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { KnownServersFile } from './state/known-servers.ts';
import { usePeople } from './testing/people.ts';
import { finish } from './testing/run-cli.ts';

/** Two admins, both of them needed. */
const people = usePeople(2);
const shown = (stdout: string): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

describe('a quorum of two', () => {
  test('one share is not enough, and everybody sees whose is missing', async () => {
    await people.run('admin', 'share check');
    await people.run('second', 'share check');
    const { admin, second } = people.service.people;
    await people.run('admin', 'seal');

    const before = await people.run('second', 'unseal --status');
    const first = await people.run('admin', 'unseal');
    const again = await people.run('admin', 'unseal -o json');
    const wrap = await people.run('writer', 'wrap --to reader --path team-a/db', 'x');
    const after = await people.run('second', 'unseal --status');

    expect([before.status, first.status, again.status, wrap.status, after.status]).toEqual([6, 6, 6, 6, 6]);
    expect(before.stdout).toMatch(
      /^shares +0 of 2\ngiven by +nobody\nmissing +admin \(.*second \(.*\nnext +you: letterlock unseal/m,
    );
    expect(first.stdout).toMatch(
      /^shares +1 of 2\ngiven by +admin \(\S+\)\nmissing +second \(\S+\)\nnext +1 of second \(.*letterlock unseal$/m,
    );
    expect(first.stdout).toMatch(/letterlock unseal --status, within 10 minutes/);
    expect(shown(again.stdout)).toMatchObject({ have: 1, k: 2, given: [admin.id], missing: [second.id] });
    expect(after.stdout).toMatch(/^next +you: letterlock unseal/m);
  });

  test('the second one unseals, and the first one can check who did it', async () => {
    const { admin, second } = people.service.people;

    const last = await people.run('second', 'unseal -o json');
    const later = await people.run('admin', 'unseal --status -o json');
    const table = await people.run('admin', 'unseal --status');

    const ceremony = { admins: [admin.id, second.id], at: expect.any(Number) };
    expect(last).toMatchObject({ status: 0 });
    expect(shown(last.stdout)).toMatchObject({ state: 'unsealed', have: 2, missing: [], ceremony });
    expect(shown(later.stdout)).toMatchObject({ state: 'unsealed', ceremony });
    expect(table.stdout).toMatch(
      /^unsealed by +admin \(\S+\), second \(\S+\)\ntranscript +signed by the pinned instance key/m,
    );
    expect(await people.wrap('stored again')).toMatch(/^\S{22}$/);
  });

  test('who waits is told when the others have given theirs', async () => {
    await people.run('admin', 'seal');

    const waiting = finish(people.start('admin', 'unseal --wait -o json'));
    let given = 0;
    while (given === 0) given = shown((await people.run('second', 'unseal --status -o json')).stdout)['have'] as number;
    const second = await people.run('second', 'unseal');
    const { status, stdout } = await waiting;

    expect([second.status, status]).toEqual([0, 0]);
    expect(shown(stdout)).toMatchObject({
      state: 'unsealed',
      ceremony: { admins: [people.service.people.admin.id, people.service.people.second.id] },
    });
  });

  test('a share that is not the pinned one is not given, and the progress of others stays (T-35)', async () => {
    await people.run('admin', 'seal');
    await people.run('admin', 'unseal');
    const pins = new KnownServersFile(people.home.config);
    const known = pins.find(people.service.origin)!;
    const { second } = people.service.people;
    const share = known.shares![second.id]!;
    const commitment = `${share.commitment.startsWith('A') ? 'B' : 'A'}${share.commitment.slice(1)}`;
    pins.put(people.service.origin, { ...known, shares: { ...known.shares, [second.id]: { ...share, commitment } } });

    const wrong = await people.run('second', 'unseal');
    pins.put(people.service.origin, known);
    const status = await people.run('second', 'unseal --status -o json');
    const right = await people.run('second', 'unseal');

    expect([wrong.status, right.status]).toEqual([8, 0]);
    expect(shown(status.stdout)).toMatchObject({ have: 1 });
  });

  test('a process that is not among the named ones gets nothing', async () => {
    await people.run('admin', 'seal');
    const { admin } = people.service.people;

    const refused = await people.run('admin', `unseal --boot ${admin.id}`);
    const nobody = await people.run('admin', 'unseal --status -o json');
    const named = await people.run('admin', `unseal --boot ${admin.id} ${people.service.bootFingerprint}`);
    const last = await people.run('second', 'unseal');

    expect([refused.status, named.status, last.status]).toEqual([8, 6, 0]);
    expect(shown(nobody.stdout)).toMatchObject({ have: 0 });
  });
});

describe('share check --certificates', () => {
  const certificate = (person: 'admin' | 'second', commonName: string): string => {
    const file = people.home.path(`${person}-${commonName}.crt`);
    const key = people.service.people[person].signingKey;
    const der = createSelfSignedCertificate({
      key,
      commonName,
      notBeforeSeconds: 1_700_000_000,
      notAfterSeconds: 1_900_000_000,
    });
    writeFileSync(file, certificatePem(der));
    return file;
  };
  const names = () =>
    (JSON.parse(readFileSync(`${people.home.config}/known-identities.json`, 'utf8')) as { names: object }).names;

  test('pins names that are new, and none that belongs to somebody else', async () => {
    const before = names();
    const known = await people.run('admin', `share check --certificates ${certificate('second', 'other')}`);
    expect(known.status).toBe(0);
    expect(names()).toEqual(before);

    const { second: _, ...others } = before as Record<string, string>;
    writeFileSync(`${people.home.config}/known-identities.json`, JSON.stringify({ names: others, keysets: {} }));
    const taken = await people.run('admin', `share check --certificates ${certificate('second', 'admin')}`);
    expect(taken.stderr).toContain('that name belongs to');
    expect(names()).toEqual(others);

    await people.run('admin', `share check --certificates ${certificate('second', 'second')}`);
    expect(names()).toEqual(before);
  });
});
