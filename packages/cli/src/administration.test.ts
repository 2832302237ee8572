import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { KnownServersFile } from './state/known-servers.ts';
import { usePeople } from './testing/people.ts';
import { runCli, words } from './testing/run-cli.ts';

const people = usePeople();

describe('a new identity', () => {
  test('is admitted with a permission that an admin signed elsewhere, and only the named one', async () => {
    await runCli(words('key generate --out carol.key'), { home: people.home });
    await runCli(words('key generate --out mallory.key'), { home: people.home });
    const id = (await runCli(words('key show --key carol.key -q'), { home: people.home })).stdout.trim();
    const carol = `--key ${people.home.path('carol.key')}`;

    const without = await people.run('writer', `identity register ${carol} --name carol`);
    const permission = await people.run('admin', `identity admit ${id} --out carol.admit`);
    const other = await people.run(
      'writer',
      `identity register --key ${people.home.path('mallory.key')} --evidence carol.admit`,
    );
    const withIt = await people.run('writer', `identity register ${carol} --name carol --evidence carol.admit -o json`);
    const again = await people.run('writer', `identity register ${carol} --name carol`);

    expect([without.status, permission.status, other.status, withIt.status, again.status]).toEqual([4, 0, 4, 0, 0]);
    expect(JSON.parse(withIt.stdout)).toEqual({ id, seq: 1, name: 'carol' });
  });

  test('is admitted at the service by an admin, and by nobody else', async () => {
    await runCli(words('key generate --out dave.key'), { home: people.home });
    const id = (await runCli(words('key show --key dave.key -q'), { home: people.home })).stdout.trim();

    const byWriter = await people.run('writer', `identity admit ${id}`);
    const byAdmin = await people.run('admin', `identity admit ${id}`);
    const registered = await people.run(
      'writer',
      `identity register --key ${people.home.path('dave.key')} --name dave`,
    );

    expect([byWriter.status, byAdmin.status, registered.status]).toEqual([3, 0, 0]);
  });

  test('changes its name by registering again', async () => {
    await runCli(words('key generate --out nina.key'), { home: people.home });
    const nina = `--key ${people.home.path('nina.key')}`;
    await people.run('writer', `identity register ${nina} --name nina --admin-key admin.key`);

    const renamed = await people.run('writer', `identity register ${nina} --name nina-2 -o json`);
    const unchanged = await people.run('writer', `identity register ${nina} -o json`);

    expect(JSON.parse(renamed.stdout)).toMatchObject({ seq: 2, name: 'nina-2' });
    expect(JSON.parse(unchanged.stdout)).toMatchObject({ seq: 2 });
  });

  test('rotates its key: older wraps open still, and newer ones go to the new key', async () => {
    const before = await people.wrap('before');
    const rotated = await people.run('reader', 'identity rotate -o json');
    const after = await people.wrap('after');

    const opened = [await people.run('reader', `open ${before}`), await people.run('reader', `open ${after}`)];

    expect(JSON.parse(rotated.stdout)).toMatchObject({ id: people.service.people.reader.id, seq: 2 });
    expect(opened.map(({ stdout }) => stdout)).toEqual(['before', 'after']);
    expect(readFileSync(people.home.path('reader.key'), 'utf8').match(/BEGIN/g)).toHaveLength(3);
  });

  test('that is revoked cannot do anything any more', async () => {
    await runCli(words('key generate --out eve.key'), { home: people.home });
    const eve = `--key ${people.home.path('eve.key')}`;
    await people.run('writer', `identity register ${eve} --name eve --admin-key admin.key`);

    const revoked = await people.run('admin', 'identity revoke eve');
    const shown = await people.run('writer', `identity show reader ${eve}`);

    expect([revoked.status, shown.status]).toEqual([0, 3]);
  });
});

describe('grants', () => {
  test('are given, explained, listed and taken back', async () => {
    const put = await people.run(
      'admin',
      'grant put --who reader --verbs wrap,destroy --path team-b --for 30d -o json',
    );
    const allowed = await people.run('admin', 'explain --who reader --verb wrap --path team-b/x -o json');
    const listed = await people.run('admin', 'grant list --who reader -o json');
    const deleted = await people.run('admin', 'grant delete --who reader --path team-b');
    const denied = await people.run('admin', 'explain --who reader --verb wrap --path team-b/x -o json');

    const grant = {
      who: people.service.people.reader.id,
      verbs: ['wrap', 'destroy'],
      path: 'team-b',
      until: expect.any(Number),
    };
    expect(JSON.parse(put.stdout)).toEqual({ ...grant, isDone: true });
    expect(JSON.parse(allowed.stdout)).toMatchObject({ allowed: true });
    expect(JSON.parse(listed.stdout)).toEqual({ grants: [grant] });
    expect(deleted.status).toBe(0);
    expect(JSON.parse(denied.stdout)).toMatchObject({ allowed: false });
  });

  test.each([
    { name: 'an unknown verb', command: 'grant put --who reader --verbs warp --path a' },
    { name: 'a path with a dot segment', command: 'grant put --who reader --verbs wrap --path a/../b' },
    { name: 'a missing path', command: 'grant put --who reader --verbs wrap' },
    { name: 'a name that is not pinned', command: 'grant put --who nobody --verbs wrap --path a' },
  ])('with $name are not sent', async ({ command }) => {
    expect((await people.run('admin', command)).status).toBe(2);
  });
});

describe('seal and unseal', () => {
  const pins = () => new KnownServersFile(people.home.config);

  test('the share is checked and pinned, everything is refused while sealed, and the share unseals', async () => {
    const checked = await people.run('admin', 'share check -o json');
    const checkedAgain = await people.run('admin', 'share check -o json');
    const id = await people.wrap('gone with the memory of nobody');
    const sealed = await people.run('admin', 'seal -o json');
    const refused = [
      await people.run('writer', 'wrap --to reader --path team-a/db', 'x'),
      await people.run('reader', `open ${id}`),
      await people.run('writer', 'status'),
    ];
    const status = await people.run('admin', 'unseal --status');
    const unpinned = await people.run('second', 'unseal');
    const unsealed = await people.run('admin', 'unseal -o json');
    const opened = await people.run('reader', `open ${id}`);

    expect(JSON.parse(checked.stdout)).toMatchObject({
      generation: 1,
      isNew: true,
      boot: people.service.bootFingerprint,
    });
    expect(JSON.parse(checkedAgain.stdout)).toMatchObject({ isNew: false });
    expect(JSON.parse(sealed.stdout)).toMatchObject({ state: 'sealed' });
    expect(refused.map((ran) => ran.status)).toEqual([6, 6, 6]);
    expect(status.status).toBe(6);
    expect(status.stdout).toMatch(/^missing +admin \(.*second \(/m);
    expect(unpinned).toMatchObject({ status: 2, stderr: expect.stringContaining('--accept-unpinned-share') });
    expect(JSON.parse(unsealed.stdout)).toMatchObject({ state: 'unsealed' });
    expect(opened.stdout).toBe('gone with the memory of nobody');
  });

  test('a share that is not the pinned one is never given (T-35)', async () => {
    const known = pins().find(people.service.origin)!;
    const { admin } = people.service.people;
    const share = known.shares![admin.id]!;
    pins().put(people.service.origin, {
      ...known,
      shares: {
        [admin.id]: {
          ...share,
          commitment: `${share.commitment.startsWith('A') ? 'B' : 'A'}${share.commitment.slice(1)}`,
        },
      },
    });
    await people.run('admin', 'seal');

    const wrongShare = await people.run('admin', 'unseal');
    pins().put(people.service.origin, { ...known, shares: { [admin.id]: { ...share, boot: admin.id } } });
    const unknownBoot = await people.run('admin', 'unseal');
    const wrongBoot = await people.run('admin', `unseal --boot ${admin.id}`);
    const { stdout: state } = await people.run('admin', 'status -q');
    const rightBoot = await people.run('admin', `unseal --boot ${people.service.bootFingerprint}`);

    expect([wrongShare.status, unknownBoot.status, wrongBoot.status, state, rightBoot.status]).toEqual([
      8,
      2,
      8,
      'sealed\n',
      0,
    ]);
    expect(unknownBoot.stderr).toMatch(/not a terminal; .*--boot/);
  });

  test('an admin without a pin unseals only when it says so', async () => {
    await people.run('admin', 'seal');

    const { status } = await people.run(
      'second',
      `unseal --accept-unpinned-share --boot ${people.service.bootFingerprint}`,
    );

    expect(status).toBe(0);
  });
});

describe('letterlock init', () => {
  test('refuses a service that is initialised', async () => {
    await runCli(words('init admin --name zoe'), { home: people.home });

    const { status, stderr } = await people.run(
      'admin',
      `init --certificates zoe.crt --boot ${people.service.bootFingerprint}`,
    );

    expect(status).toBe(2);
    expect(stderr).toContain('it is unsealed');
  });

  test('"admin" makes a key that only its owner reads, and a certificate for it', async () => {
    const { stdout } = await runCli(words('init admin --name yves -o json'), { home: people.home });
    const shown = await runCli(words('key show --key yves.key -q'), { home: people.home });

    expect(JSON.parse(stdout)).toEqual({ id: shown.stdout.trim(), key: 'yves.key', certificate: 'yves.crt' });
    expect(readFileSync(people.home.path('yves.crt'), 'utf8')).toContain('BEGIN CERTIFICATE');
  });
});
