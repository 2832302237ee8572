import { describe, expect, test } from '@jest/globals';
import {
  createKeyset,
  generateOpeningKey,
  generateSigningKey,
  publicOfOpening,
  verifyKeyset,
  type Keyset,
} from '@letterlock/crypto';
import { decideRegistration, identityRecord, type IdentityState } from './identity-state.ts';

const sig = generateSigningKey();
const first = publicOfOpening(generateOpeningKey());
const second = publicOfOpening(generateOpeningKey());
const keysetOf = (seq: number, enc: Keyset['enc']) => verifyKeyset(createKeyset({ sig, enc, seq, iat: 1 }));

/** The state after a registration that must be accepted. */
function after(state: IdentityState | undefined, keyset: Keyset): IdentityState {
  const decision = decideRegistration(state, keyset, 'op', 1);
  if (decision.do !== 'put') throw new Error(`Expected a put, got ${decision.do}`);
  return { record: decision.record, keyset };
}

describe('decideRegistration()', () => {
  test('remembers the encryption keys before the current one, with their seq', () => {
    const registered = after(undefined, keysetOf(1, first));
    expect(registered.record.earlier).toEqual([]);
    const rotated = after(registered, keysetOf(4, second));
    expect(rotated.record.earlier).toEqual([{ kid: first.thumbprint, seq: 1 }]);
  });

  test('a new keyset with the same encryption key adds none', () => {
    const state = after(after(undefined, keysetOf(1, first)), keysetOf(2, first));
    expect(state.record.earlier).toEqual([]);
  });

  test('remembers the latest 64, so that the record stays readable', () => {
    let state = after(undefined, keysetOf(1, first));
    for (let seq = 2; seq <= 70; seq += 1) state = after(state, keysetOf(seq, seq % 2 === 0 ? second : first));
    expect(state.record.earlier).toHaveLength(64);
    expect(state.record.earlier.at(-1)).toEqual({ kid: first.thumbprint, seq: 69 });
    expect(identityRecord({ ...state.record }, '')).toEqual(state.record);
  });
});
