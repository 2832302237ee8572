import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { KnownServersFile } from './state/known-servers.ts';
import { usePeople } from './testing/people.ts';
import { makeHome, words } from './testing/run-cli.ts';
import { runAtTerminal } from './testing/terminal.ts';

const people = usePeople();
const colour = 'red \u001b[31mX\u0007 \u202Eevil\n';

describe('letterlock open at a terminal', () => {
  test('escapes control characters, and acknowledges after a key press', async () => {
    const id = await people.wrap(colour);

    const { status, output } = await runAtTerminal(words(`open ${id}`), [['Press a key', 'x']], people.as('reader'));

    expect(status).toBe(0);
    expect(output).toContain('red \\x1b[31mX\\x07 \\u{202e}evil');
    expect(output).not.toContain('\u001b[31m');
    expect(await people.stateOf(id)).toBe('OPENED');
  });

  test('prints them with --raw', async () => {
    const id = await people.wrap(colour);

    const { output } = await runAtTerminal(words(`open ${id} --raw`), [['Press a key', 'x']], people.as('reader'));

    expect(output).toContain('red \u001b[31mX\u0007');
  });

  test('does not acknowledge after Ctrl-C, and names the claim', async () => {
    const id = await people.wrap('content');

    const { status, output } = await runAtTerminal(
      words(`open ${id}`),
      [['Press a key', '\u0003']],
      people.as('reader'),
    );

    const { cid } = JSON.parse(readFileSync(`${people.home.state}/claims/${id}.json`, 'utf8')) as {
      readonly cid: string;
    };
    expect(status).toBe(130);
    expect(output).toContain(`the claim ${cid} is kept; resume with: letterlock open ${id}`);
    expect(await people.stateOf(id)).toBe('CLAIMED');
  });
});

describe('questions at a terminal', () => {
  test.each([
    { name: 'yes pins', answer: 'yes\r', status: 0, isPinned: true },
    { name: 'no does not', answer: 'no\r', status: 8, isPinned: false },
    { name: 'y alone does not', answer: 'y\r', status: 8, isPinned: false },
  ])('a first contact shows the fingerprint and asks: $name', async ({ answer, status, isPinned }) => {
    using home = makeHome();
    const ran = await runAtTerminal(words(`trust add --address ${people.service.origin}`), [['Type yes', answer]], {
      home,
    });

    expect(ran.status).toBe(status);
    expect(ran.output).toContain(people.service.fingerprint);
    expect(new KnownServersFile(home.config).find(people.service.origin) !== undefined).toBe(isPinned);
  });

  test('a typed secret is wrapped and not shown', async () => {
    const typed = 'canary-typed';
    const { status, output } = await runAtTerminal(
      words('wrap --to reader --path team-a/db --quiet'),
      [['Secret', `${typed}\r`]],
      people.as('writer'),
    );

    const id = output.trim().split('\n').at(-1)!.trim();
    expect(status).toBe(0);
    expect(output).not.toContain(typed);
    expect((await people.run('reader', `open ${id}`)).stdout).toBe(typed);
  });

  test('an unknown boot is unsealed only after a yes', async () => {
    const pins = new KnownServersFile(people.home.config);
    await people.run('admin', 'share check');
    const known = pins.find(people.service.origin)!;
    const { admin } = people.service.people;
    pins.put(people.service.origin, {
      ...known,
      shares: { [admin.id]: { ...known.shares![admin.id]!, boot: admin.id } },
    });
    await people.run('admin', 'seal');

    const no = await runAtTerminal(['unseal'], [['Type yes', 'no\r']], people.as('admin'));
    const yes = await runAtTerminal(['unseal'], [['Type yes', 'yes\r']], people.as('admin'));

    expect([no.status, yes.status]).toEqual([8, 0]);
    expect(no.output).toContain(people.service.bootFingerprint);
    expect(existsSync(pins.path)).toBe(true);
  });
});
