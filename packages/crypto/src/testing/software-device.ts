/**
 * A device in software: the same operations as a smart card's, with the one RSA step that every card has.
 * It must never be imported outside tests.
 * @module
 */
import { constants, createPublicKey, diffieHellman, privateDecrypt } from 'node:crypto';
import type { OpeningDevice, SigningDevice } from '../key-device.ts';
import { signBytes } from '../jws.ts';
import { openingKeyOf, openingKeyOn, signingKeyOn, type OpeningKey, type SigningKey } from '../keys.ts';
import { removeOaepPadding } from '../oaep.ts';
import { SecretBytes } from '../secret-bytes.ts';

/** How often the device was asked for anything. */
export interface Counted {
  calls: number;
}

/** The key pair of a signing key, its private half behind a device. @param change - what the device does differently */
export function onDevice(
  software: SigningKey,
  change: Partial<SigningDevice & OpeningDevice> = {},
): { readonly signing: SigningKey; readonly opening: OpeningKey; readonly counted: Counted } {
  const counted: Counted = { calls: 0 };
  const privateKey = openingKeyOf(software.keyObject).keyObject;
  const counting = <A, R>(operation: (argument: A) => R) => {
    return (argument: A): R => {
      counted.calls += 1;
      return operation(argument);
    };
  };
  const device: SigningDevice & OpeningDevice = {
    sign: counting(change.sign ?? ((data) => signBytes(data, software))),
    agree: counting(change.agree ?? ((publicKey) => SecretBytes.take(diffieHellman({ privateKey, publicKey })))),
    decrypt: counting(
      change.decrypt ??
        ((ciphertext) =>
          removeOaepPadding(privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, ciphertext))),
    ),
  };
  const publicKey = createPublicKey(privateKey);
  return { signing: signingKeyOn(device, publicKey), opening: openingKeyOn(device, publicKey), counted };
}
