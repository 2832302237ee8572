/**
 * What a person reads when a card does not do what it should, and what to do next.
 * It must never repeat what a module or a card says of itself, but the name of a PKCS#11 return value.
 * @module
 */
import { CommandError, type ExitName } from '../exit-status.ts';
import type { Failed, ToolFailure } from './pkcs11-tool.ts';

interface Words {
  readonly exit: ExitName;
  readonly says: string;
  readonly next: string;
}

const words: Readonly<Record<ToolFailure, Words>> = {
  module: {
    exit: 'usage',
    says: 'its PKCS#11 module cannot be loaded',
    next: 'check module-path: it is the .so file that came with the card, such as opensc-pkcs11.so',
  },
  pinWrong: {
    exit: 'authentication',
    says: 'the PIN is wrong',
    next: 'it was tried once and counts; after a few wrong ones the card locks itself',
  },
  pinLocked: {
    exit: 'authentication',
    says: 'its PIN is locked after too many wrong ones',
    next: 'unlock it with its PUK and the tool of the card',
  },
  token: {
    exit: 'unavailable',
    says: 'it was taken out or does not answer',
    next: 'plug it in again',
  },
  key: {
    exit: 'usage',
    says: 'it shows the public half of this key and has no private one',
    next: 'look at what is on it: pkcs11-tool --module MODULE --login --list-objects',
  },
  mechanism: {
    exit: 'usage',
    says: 'it cannot do what this key is needed for',
    next: 'an admin key signs ES256, ES384 or PS256, and receives by ECDH1-DERIVE, RSA-PKCS-OAEP or RSA-X-509',
  },
  permission: {
    exit: 'usage',
    says: 'its key may not be used for this',
    next: 'an admin key has the usages sign and, to receive, derive (EC) or decrypt (RSA)',
  },
  data: {
    exit: 'integrity',
    says: 'it cannot decrypt what the service sent for it',
    next: 'check that this is the card whose certificate the service was given',
  },
  other: { exit: 'unavailable', says: 'it failed', next: 'try the tool of the card itself' },
};

/** The error of a failed step. */
export function cardFailure({ failure, returnValue }: Failed): CommandError {
  const { exit, says, next } = words[failure];
  const name = failure === 'other' && returnValue !== undefined ? ` (${returnValue})` : '';
  return new CommandError(exit, `Cannot use the card: ${says}${name}`, next);
}
