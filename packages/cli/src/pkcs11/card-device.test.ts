import { describe, expect, test } from '@jest/globals';
import { createPublicKey } from 'node:crypto';
import { generateOpeningKey, generateSigningKey, SecretBytes } from '@letterlock/crypto';
import { cardDevice } from './card-device.ts';
import type { ToolAnswer, ToolFailure, ToolStep } from './pkcs11-tool.ts';

const ecKey = createPublicKey(generateSigningKey('P-256').keyObject);
const rsaKey = createPublicKey(generateSigningKey('RSA').keyObject);
const peer = createPublicKey(generateOpeningKey('P-256').keyObject);

/** A card that answers from a list, and says what it was asked. */
function cardOf(publicKey: typeof ecKey, answers: readonly (ToolAnswer | ToolFailure)[]) {
  const steps: ToolStep[] = [];
  const left = [...answers];
  const device = cardDevice({
    publicKey,
    selection: ['--slot', '0x1', '--id', '01'],
    pin: SecretBytes.copy(Buffer.from('1234')),
    run: (step) => {
      steps.push(step);
      const answer = left.shift();
      if (answer === undefined) throw new Error('The card was asked once more than expected');
      return typeof answer === 'string' ? { isDone: false, failure: answer, returnValue: 'CKR_X' } : answer;
    },
  });
  return { device, steps };
}
const done = (output: Uint8Array): ToolAnswer => ({ isDone: true, output: Buffer.from(output) });
const z = Buffer.alloc(32, 7);
const note = Buffer.from('Using derive algorithm 0x00001050 ECDH1-DERIVE\n');

describe('cardDevice()', () => {
  test('never shows a PIN in arguments', () => {
    const { device, steps } = cardOf(ecKey, [done(new Uint8Array(64))]);
    device.sign(new Uint8Array(3));
    expect(steps[0]!.arguments.join(' ')).toBe('--sign --mechanism ECDSA --signature-format rs --slot 0x1 --id 01');
    expect(Buffer.from(steps[0]!.pin!).toString()).toBe('1234');
  });

  test.each(['pinWrong', 'pinLocked', 'token', 'module'] as const)(
    'asks the card nothing more after %s, for any other operation',
    (failure) => {
      const { device, steps } = cardOf(ecKey, [failure]);
      const calls = [() => device.sign(z), () => device.sign(z), () => device.agree(peer), () => device.decrypt(z)];
      for (const call of calls) expect(call).toThrow('Cannot use the card');
      expect(steps).toHaveLength(1);
    },
  );

  test('goes on after a failure that is not of the PIN', () => {
    const { device } = cardOf(ecKey, ['other', done(new Uint8Array(64))]);
    expect(() => device.sign(z)).toThrow('it failed (CKR_X)');
    expect(device.sign(z)).toHaveLength(64);
  });

  test.each([
    { name: 'as it is', output: z },
    { name: 'before the note', output: Buffer.concat([z, note]) },
    { name: 'behind the note', output: Buffer.concat([note, z]) },
  ])('reads Z $name', ({ output }) => {
    const { device } = cardOf(ecKey, [done(output)]);
    expect(Buffer.from(device.agree(peer)!.expose())).toEqual(z);
  });

  test('gives Z the zeros that the module left out, and none that is too long', () => {
    const short = cardOf(ecKey, [done(z.subarray(1))]).device.agree(peer)!;
    expect(Buffer.from(short.expose())).toEqual(Buffer.concat([Buffer.alloc(1), z.subarray(1)]));
    expect(cardOf(ecKey, [done(Buffer.alloc(33))]).device.agree(peer)).toBeUndefined();
  });

  test('tries the other form of a point', () => {
    const { device, steps } = cardOf(ecKey, ['other', done(z)]);
    expect(device.agree(peer)?.lengthBytes).toBe(32);
    expect(steps.map((step) => step.arguments.includes('--derive-pass-der'))).toEqual([false, true]);
  });

  test('takes OAEP as the card does it, and undoes it only behind the bare step', () => {
    const whole = cardOf(rsaKey, [done(z)]);
    expect(Buffer.from(whole.device.decrypt(new Uint8Array(384))!.expose())).toEqual(z);
    const bare = cardOf(rsaKey, ['mechanism', done(new Uint8Array(384))]);
    expect(bare.device.decrypt(new Uint8Array(384))).toBeUndefined();
    expect(bare.steps.map((step) => step.arguments[2])).toEqual(['RSA-PKCS-OAEP', 'RSA-X-509']);
  });

  test('says what is wrong when neither way works', () => {
    const { device } = cardOf(rsaKey, ['mechanism', 'permission']);
    expect(() => device.decrypt(new Uint8Array(384))).toThrow('its key may not be used for this');
  });
});
