import { describe, expect, test } from '@jest/globals';
import { nearest } from './nearest.ts';

const known = ['trustDomain', 'listen', 'publicOrigins', 'log'];

describe('nearest()', () => {
  test.each([
    { word: 'trustdomain', found: 'trustDomain' },
    { word: 'trust-domain', found: 'trustDomain' },
    { word: 'lisen', found: 'listen' },
    { word: 'publicOrigin', found: 'publicOrigins' },
    { word: 'logs', found: 'log' },
    { word: 'kubernetes', found: undefined },
    { word: '', found: undefined },
  ])('finds $found for "$word"', ({ word, found }) => {
    expect(nearest(word, known)).toBe(found);
  });
});
