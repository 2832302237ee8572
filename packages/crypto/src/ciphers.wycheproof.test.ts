/** Wycheproof: AES-GCM, key wrap, OAEP, HKDF and HMAC as this package calls them, or as jose calls them for it. @module */
import { constants, createPrivateKey, privateDecrypt, webcrypto, type KeyObject } from 'node:crypto';
import { compactDecrypt } from 'jose';
import { encodeBase64url, encodeUtf8 } from '@letterlock/protocol';
import { equalConstantTime } from './bytes.ts';
import { decryptGcm, encryptGcm } from './gcm.ts';
import { hkdfSha256 } from './hkdf.ts';
import { wrapKey } from './key-management.ts';
import { openingKeyOf } from './keys.ts';
import { hmacSha256, importMacKey } from './mac.ts';
import { removeOaepPadding } from './oaep.ts';
import { SecretBytes } from './secret-bytes.ts';
import { sealContent } from './slot.ts';
import { bytesOf, runWycheproof, sameBytes, type WycheproofGroup, type WycheproofTest } from './testing/wycheproof.ts';

runWycheproof({
  file: 'aes_gcm_test',
  schema: 'aead_test_schema_v1.json',
  flags: ['CounterWrap', 'Ktv', 'LongIv', 'ModifiedTag', 'Pseudorandom', 'SmallIv', 'SpecialCase', 'ZeroLengthIv'],
  takes: (_, group) => group['keySize'] === 256 && group['ivSize'] === 96 && group['tagSize'] === 128,
  accepts: (vector) => {
    const [key, iv, aad, ct, tag] = ['key', 'iv', 'aad', 'ct', 'tag'].map((name) => bytesOf(vector, name));
    const plaintext = decryptGcm(key!, iv!, aad!, ct!, tag!);
    const again = encryptGcm(key!, iv!, aad!, plaintext);
    sameBytes(again.ciphertext, ct!);
    sameBytes(again.tag, tag!);
    return sameBytes(plaintext, bytesOf(vector, 'msg'));
  },
});

runWycheproof({
  file: 'hkdf_sha256_test',
  schema: 'hkdf_test_schema_v1.json',
  flags: ['EmptySalt', 'MaximalOutputSize', 'Normal', 'OutputCollision', 'SizeTooLarge'],
  accepts: (vector) => {
    const [ikm, salt, info] = ['ikm', 'salt', 'info'].map((name) => bytesOf(vector, name));
    return sameBytes(hkdfSha256(ikm!, salt!, info!, Number(vector['size'])), bytesOf(vector, 'okm'));
  },
});

runWycheproof({
  file: 'hmac_sha256_test',
  schema: 'mac_test_schema_v1.json',
  flags: ['ModifiedTag', 'Pseudorandom'],
  accepts: (vector, group) => {
    const mac = hmacSha256(importMacKey(SecretBytes.copy(bytesOf(vector, 'key'))), bytesOf(vector, 'msg'));
    return equalConstantTime(mac.subarray(0, Number(group['tagSize']) / 8), bytesOf(vector, 'tag'));
  },
});

const options = {
  keyManagementAlgorithms: ['A256KW'],
  contentEncryptionAlgorithms: ['A256GCM'],
  maxDecompressedLength: 0,
};
const keyWrap = {
  file: 'aes_wrap_test',
  schema: 'keywrap_test_schema_v1.json',
  flags: ['CounterOverflow', 'EmptyKey', 'InvalidWrappingSize', 'ModifiedIv', 'Normal', 'ShortKey', 'WrongDataSize'],
  // Only 256-bit keys wrap only 256-bit keys here.
  takes: (vector: WycheproofTest, group: WycheproofGroup) =>
    group['keySize'] === 256 && bytesOf(vector, 'msg').length === 32,
};
runWycheproof({
  ...keyWrap,
  /** The unwrapping that jose does inside ECDH-ES+A256KW, reached by its A256KW. */
  accepts: async (vector) => {
    const [key, msg, ct] = ['key', 'msg', 'ct'].map((name) => bytesOf(vector, name));
    const head = encodeBase64url(encodeUtf8(JSON.stringify({ alg: 'A256KW', enc: 'A256GCM' })));
    if (msg!.length !== 32) {
      // What is wrapped is no content key: any success would be a key of another length.
      await compactDecrypt(
        [head, encodeBase64url(ct!), 'A'.repeat(16), 'AAAA', 'A'.repeat(22)].join('.'),
        key!,
        options,
      );
      return true;
    }
    const { plaintext } = await compactDecrypt(sealContent(head, ct!, msg!, msg!), key!, options);
    if (vector.result === 'valid') sameBytes(wrapKey(key!, msg!), ct!);
    return sameBytes(plaintext, msg!);
  },
});

const { subtle } = webcrypto;
function decryptInSteps(key: KeyObject, ciphertext: Uint8Array): SecretBytes | undefined {
  try {
    return removeOaepPadding(privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext));
  } catch {
    return undefined;
  }
}
for (const file of [
  'rsa_oaep_2048_sha256_mgf1sha256_test',
  'rsa_oaep_3072_sha256_mgf1sha256_test',
  'rsa_oaep_4096_sha256_mgf1sha256_test',
  'rsa_oaep_misc_test',
]) {
  runWycheproof({
    file,
    schema: 'rsaes_oaep_decrypt_schema_v1.json',
    flags: [
      'Constructed',
      'EncryptionWithLabel',
      'InvalidCiphertext',
      'InvalidOaepPadding',
      'Normal',
      'SmallIntegerCiphertext',
      'SmallModulus',
    ],
    // RSA-OAEP-256: SHA-256 twice, no label, on a key within the policy.
    takes: (vector, group) =>
      group['sha'] === 'SHA-256' &&
      group['mgfSha'] === 'SHA-256' &&
      vector['label'] === '' &&
      Number(group['keySize']) >= 2048 &&
      Number(group['keySize']) <= 4096,
    /** The call that jose makes for RSA-OAEP-256, on a key that our import gave; and a card's bare RSA step with our decoding. */
    accepts: async (vector, group) => {
      const privateKey = createPrivateKey({ key: bytesOf(group, 'privateKeyPkcs8'), type: 'pkcs8', format: 'der' });
      const key = openingKeyOf(privateKey).keyObject;
      const ciphertext = new Uint8Array(bytesOf(vector, 'ct'));
      const ours = decryptInSteps(key, ciphertext);
      const cryptoKey = key.toCryptoKey({ name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['decrypt']);
      const plaintext = await subtle.decrypt({ name: 'RSA-OAEP' }, cryptoKey, ciphertext).catch(() => undefined);
      // One that only one of the two accepts is a false accept or a refusal, as the vector has it.
      if (ours === undefined || plaintext === undefined) {
        return vector.result === 'invalid' && (ours !== undefined || plaintext !== undefined);
      }
      sameBytes(ours.expose(), bytesOf(vector, 'msg'));
      return sameBytes(new Uint8Array(plaintext), bytesOf(vector, 'msg'));
    },
  });
}
