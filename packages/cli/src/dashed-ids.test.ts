import { describe, expect, test } from '@jest/globals';
import { hideDashedIds, showDashedIds } from './dashed-ids.ts';

const identityId = `-${'q'.repeat(42)}`;
const wrapId = `--${'Q'.repeat(20)}`;

describe('hideDashedIds()', () => {
  test.each([
    { name: 'an identity', word: identityId },
    { name: 'a wrap', word: wrapId },
  ])('marks $name, and showDashedIds() takes the mark away', ({ word }) => {
    const [hidden] = hideDashedIds([word]);
    expect(hidden).not.toMatch(/^-/);
    expect(showDashedIds({ one: [hidden], two: hidden, three: true })).toEqual({ one: [word], two: word, three: true });
  });

  test.each([
    { name: 'an option of 22 characters', word: `--${'a'.repeat(20)}` },
    { name: 'a short option', word: '-q' },
    { name: 'a long word with a dash', word: `-${'q'.repeat(30)}` },
    { name: 'an id without a dash', word: 'q'.repeat(43) },
  ])('leaves $name', ({ word }) => {
    expect(hideDashedIds([word])).toEqual([word]);
  });
});
