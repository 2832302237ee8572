import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { ending, refused } from './testing/refusal.ts';
import { makeHome, runCli, words, type Home, type Ran } from './testing/run-cli.ts';

let home: Home;

// Each case starts the program, also on a busy machine.
jest.setTimeout(60_000);

beforeAll(async () => {
  home = makeHome();
  await runCli(words('key generate --out good.key'), { home });
});

afterAll(() => home[Symbol.dispose]());

function run(command: string, o: { readonly environment?: Readonly<Record<string, string>> } = {}): Promise<Ran> {
  return runCli(words(command), { home, ...o });
}

describe('config.yaml (3.9-11)', () => {
  test.each([
    {
      name: 'an unknown key',
      yaml: 'profiles:\n  default:\n    adress: https://a.example\n',
      message: /profiles\.default has a key that is not known: adress; did you mean address\?/,
    },
    { name: 'an unknown key at the top', yaml: 'proflies: {}\n', message: /did you mean profiles\?/ },
    { name: 'a tab', yaml: 'profiles:\n\tdefault: {}\n', message: /line 2 is not valid YAML.*indent with spaces/ },
    {
      name: 'a wrong type',
      yaml: 'profiles:\n  default:\n    address: 5\n',
      message: /profiles\.default\.address is not a text or a list of texts/,
    },
    {
      name: 'a list without texts',
      yaml: 'profiles:\n  default:\n    address: []\n',
      message: /profiles\.default\.address is not a text or a list of texts/,
    },
    {
      name: 'a list where one text stands',
      yaml: 'profiles:\n  default:\n    key: [a.key]\n',
      message: /profiles\.default\.key is not a text/,
    },
    { name: 'a repeated key', yaml: 'profiles: {}\nprofiles: {}\n', message: /line 2 is not valid YAML/ },
    {
      name: 'an alias bomb',
      yaml: aliasBomb(),
      message: /YAML aliases|key that is not known/,
    },
    {
      name: 'an alias of a profile',
      yaml: 'profiles:\n  a: &x {address: https://a.example}\n  default: *x\n',
      message: /YAML aliases/,
    },
    {
      name: 'a profile that is not there',
      yaml: 'profile: prod\nprofiles:\n  dev: {}\n',
      message: /profile prod.*it has: dev/,
    },
    { name: 'a file of megabytes', yaml: `# ${'x'.repeat(70_000)}\n`, message: /longer than 65536 bytes/ },
  ])('refuses $name', async ({ yaml, message }) => {
    mkdirSync(home.config, { recursive: true });
    writeFileSync(`${home.config}/config.yaml`, yaml);
    try {
      expect(await ending(run('trust show'))).toEqual(refused(message));
    } finally {
      writeFileSync(`${home.config}/config.yaml`, '');
    }
  });

  test('a key that is not the identity of the profile is refused', async () => {
    const id = 'KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI';
    writeFileSync(
      `${home.config}/config.yaml`,
      `profiles:\n  default: {key: ${home.path('good.key')}, identity: ${id}}\n`,
    );
    try {
      expect(await ending(run('key show'))).toEqual(refused(new RegExp(`the profile default expects ${id}`)));
    } finally {
      writeFileSync(`${home.config}/config.yaml`, '');
    }
  });

  test('flag counts before environment, environment before file', async () => {
    writeFileSync(`${home.config}/config.yaml`, 'profiles:\n  default: {address: "https://file.example"}\n');
    try {
      const environment = { LETTERLOCK_ADDRESS: 'https://environment.example' };
      expect(await ending(run('trust show'))).toEqual(refused(/https:\/\/file\.example/));
      expect(await ending(run('trust show', { environment }))).toEqual(refused(/https:\/\/environment\.example/));
      expect(await ending(run('trust show --address https://flag.example', { environment }))).toEqual(
        refused(/https:\/\/flag\.example/),
      );
    } finally {
      writeFileSync(`${home.config}/config.yaml`, '');
    }
  });
});

/** Ten levels, each ten times the one before. */
function aliasBomb(): string {
  const names = 'abcdefghij'.split('');
  const levels = names
    .slice(1)
    .map((name, index) => `${name}: &${name} [${Array(10).fill(`*${names[index]!}`).join(', ')}]`);
  return `a: &a [x]\n${levels.join('\n')}\n`;
}
