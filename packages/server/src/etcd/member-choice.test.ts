import { describe, expect, test } from '@jest/globals';
import { MemberChoice } from './member-choice.ts';

describe('MemberChoice', () => {
  test('stays until the member fails, then goes round', () => {
    const choice = new MemberChoice(3, 1);
    const seen = [choice.current];
    for (let failure = 0; failure < 3; failure += 1) {
      choice.failed(choice.current);
      seen.push(choice.current);
    }
    expect(seen).toEqual([1, 2, 0, 1]);
  });

  test('moves on once for calls that fail together', () => {
    const choice = new MemberChoice(3, 0);
    for (let call = 0; call < 5; call += 1) choice.failed(0);
    expect(choice.current).toBe(1);
  });

  test('passes over members that are avoided, until they are not', () => {
    const choice = new MemberChoice(3, 0);
    const release = choice.avoid(1);
    choice.failed(0);
    expect(choice.current).toBe(2);
    release();
    choice.failed(2);
    choice.failed(0);
    expect(choice.current).toBe(1);
  });

  test('leaves a member at once when it is to be avoided', () => {
    const choice = new MemberChoice(2, 0);
    choice.avoid(0);
    expect(choice.current).toBe(1);
  });

  test('keeps the only member, whatever it does', () => {
    const choice = new MemberChoice(1, 0);
    choice.avoid(0);
    choice.failed(0);
    expect(choice.current).toBe(0);
  });
});
