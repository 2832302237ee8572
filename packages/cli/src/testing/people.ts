/**
 * One service and one home for a test file, with short ways to act as its people.
 * @module
 */
import { afterAll, beforeAll, expect, jest } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { runCli, startCli, words, type Home, type Ran, type RunOptions } from './run-cli.ts';
import { startService, type PersonName, type TestService } from './service.ts';

export interface People {
  readonly service: TestService;
  readonly home: Home;
  /** What the program needs to act as somebody. */
  as(person: PersonName | 'stranger'): Pick<RunOptions, 'home' | 'environment'>;
  run(person: PersonName | 'stranger', command: string, input?: string | Uint8Array): Promise<Ran>;
  start(person: PersonName, command: string): ChildProcess;
  /** Wraps as the writer for the reader. @returns the id */
  wrap(content: string | Uint8Array): Promise<string>;
  /** State of a wrap by its signed receipt. */
  stateOf(id: string): Promise<string>;
}

/** Starts before all tests of the file, stops after them. @param threshold - shares that unseal, of two */
export function usePeople(threshold = 1): People {
  // A test starts programs, half a dozen of them, also on a busy machine.
  jest.setTimeout(60_000);
  let service: TestService | undefined;
  let home: Home | undefined;
  beforeAll(async () => {
    service = await startService(threshold);
    home = service.makeHome();
  });
  afterAll(async () => {
    home?.[Symbol.dispose]();
    await service?.[Symbol.asyncDispose]();
  });
  const people: People = {
    get service() {
      return service!;
    },
    get home() {
      return home!;
    },
    as: (person) => ({
      home: home!,
      environment: { LETTERLOCK_ADDRESS: service!.origin, LETTERLOCK_KEY: home!.path(`${person}.key`) },
    }),
    run: (person, command, input = '') => runCli(words(command), { ...people.as(person), input }),
    start: (person, command) => startCli(words(command), people.as(person)),
    wrap: async (content) => {
      const { stdout, stderr, status } = await people.run(
        'writer',
        'wrap --to reader --path team-a/db --quiet',
        content,
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return stdout.trim();
    },
    stateOf: async (id) => {
      const { stdout } = await people.run('writer', `lookup ${id} -o json`);
      return (JSON.parse(stdout) as { readonly state: string }).state;
    },
  };
  return people;
}
