import { afterEach, describe, expect, test } from '@jest/globals';
import { Writable } from 'node:stream';
import type { OwnStart } from '@letterlock/core';
import { ProblemError } from '@letterlock/protocol';
import { keepOwnStart } from './claim-own-start.ts';
import { createLog } from './log.ts';

let stop: (() => Promise<void>) | undefined;
afterEach(async () => stop?.());

/** Runs it against these answers, the last of them again and again. @returns sentences of the log, once there is one, and questions */
async function run(
  answers: readonly (OwnStart | ProblemError)[],
): Promise<{ readonly said: readonly string[]; readonly asked: number }> {
  const said: string[] = [];
  const first = Promise.withResolvers<void>();
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString('utf8').split('\n').filter(Boolean)) {
        said.push((JSON.parse(line) as { readonly msg: string }).msg);
        if (!said.at(-1)!.startsWith('Could not')) first.resolve();
      }
      done();
    },
  });
  let asked = 0;
  const installation = {
    state: 'unsealed' as const,
    onUnsealed: () => undefined,
    claimOwnStart: async () => {
      const answer = answers[Math.min(asked, answers.length - 1)]!;
      asked += 1;
      if (answer instanceof ProblemError) throw answer;
      return answer;
    },
  };
  stop = keepOwnStart({ installation, log: createLog('debug', sink), everyMilliseconds: 1 });
  await first.promise;
  return { said, asked };
}

describe('keepOwnStart()', () => {
  test('writes the start down once', async () => {
    expect(await run(['claimed'])).toEqual({ said: ['Wrote down the own start'], asked: 1 });
  });

  test('goes on until what attests it answers, and says so once', async () => {
    const away = new ProblemError('unavailable', { reason: 'kubernetes_api' });
    const { said, asked } = await run([away, away, away, 'claimed']);
    expect({ said, asked }).toEqual({
      said: ['Could not write down the own start yet', 'Wrote down the own start'],
      asked: 4,
    });
  });

  test('does not take the container before it for a thief while the report of the kubelet lags', async () => {
    const lagging = Array.from({ length: 14 }, () => 'taken' as const);
    expect((await run([...lagging, 'claimed'])).said).toEqual(['Wrote down the own start']);
  });

  test('says when another process was there first', async () => {
    expect(await run(['taken'])).toEqual({
      said: ['Another process was given the key in the name of this one'],
      asked: 15,
    });
  });
});
