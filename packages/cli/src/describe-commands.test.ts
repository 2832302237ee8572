import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';
import { buildProgram } from './build-program.ts';
import { describeCommands, describeGlobalOptions } from './describe-commands.ts';
import { verbTable } from './verb-table.ts';
import { version } from './version.ts';

const commands = await describeCommands();
const globalNames = describeGlobalOptions().map(({ flags }) => new Option(flags).attributeName());

describe('describeCommands()', () => {
  test.each(commands.map((command) => [command.name, command] as const))(
    '%s has a summary, an example, and help for all it takes',
    (name, command) => {
      expect(command.summary).toMatch(/^[A-Z][^.\n]{5,79}$/);
      expect(command.examples.length).toBeGreaterThan(0);
      expect(command.examples[0]!.command).toContain(`letterlock ${name}`);
      for (const { does } of command.examples) expect(does).toMatch(/^[^A-Z.\n][^\n]*[^.]$/);
      for (const { help } of [...command.options, ...command.arguments]) expect(help).toMatch(/^[^\n]{5,}[^.]$/);
    },
  );

  test.each(commands.map((command) => [command.name, command] as const))(
    'the options of %s do not hide those of every verb',
    (_name, command) => {
      const names = command.options.map(({ flags }) => new Option(flags).attributeName());

      expect(names.filter((name) => globalNames.includes(name))).toEqual([]);
      expect(new Set(names).size).toBe(names.length);
    },
  );

  test('has each verb that the design names', () => {
    expect(commands.map(({ name }) => name)).toEqual(
      expect.arrayContaining(
        (
          'server,status,doctor,explain,wrap,open,lookup,revoke,proof,receipt,key generate,key import,key show,' +
          'identity register,identity show,identity list,identity rotate,identity revoke,grant put,grant delete,' +
          'grant list,init,share check,unseal,seal,trust add,trust show,trust export,trust remove,' +
          'audit verify,audit tail'
        ).split(','),
      ),
    );
  });
});

describe('the table of verbs', () => {
  test('names each option of a verb as commander does', async () => {
    const entries = Object.values(verbTable)
      .flatMap((group) => Object.values(group))
      .flatMap((entry) =>
        'verbs' in entry
          ? [...Object.values(entry.verbs), ...(entry.itself === undefined ? [] : [entry.itself])]
          : [entry],
      );
    for (const { load } of entries) {
      const { verb } = await load();
      for (const [name, { flags }] of Object.entries(verb.options ?? {})) {
        expect(new Option(flags).attributeName()).toBe(name);
      }
    }
  });

  test('loads only the verbs that are named', async () => {
    const program = await buildProgram(new Set(['wrap']), () => Promise.resolve());
    const optionsOf = (name: string): number =>
      program.commands.find((command) => command.name() === name)!.options.length;

    expect(optionsOf('wrap')).toBeGreaterThan(0);
    expect(optionsOf('open')).toBe(0);
  });
});

describe('version', () => {
  test('is that of package.json', () => {
    const { version: declared } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
      readonly version: string;
    };

    expect(version).toBe(declared);
  });
});
