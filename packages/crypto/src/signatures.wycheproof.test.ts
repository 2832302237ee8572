/** Wycheproof: every signature that a key of ours could verify, through our key import. @module */
import { createPublicKey } from 'node:crypto';
import { verifyBytes } from './jws.ts';
import { importVerifyingKey, verifyingKeyOf, type VerifyingKey } from './keys.ts';
import { publicMembersOf } from './testing/jwk.ts';
import { bytesOf, runWycheproof, type WycheproofGroup, type WycheproofTest } from './testing/wycheproof.ts';

const keys = new Map<unknown, VerifyingKey>();
/** The group's key as SPKI, and as JWK where there is one: both must be the same identity. */
function keyOf(group: WycheproofGroup): VerifyingKey {
  const der = group['publicKeyDer'];
  const known = keys.get(der);
  if (known !== undefined) return known;
  const key = verifyingKeyOf(createPublicKey({ key: bytesOf(group, 'publicKeyDer'), type: 'spki', format: 'der' }));
  const jwk = group['publicKeyJwk'] as Readonly<Record<string, string>> | undefined;
  if (jwk !== undefined && importVerifyingKey(publicMembersOf(jwk)).thumbprint !== key.thumbprint) {
    throw new Error('SPKI and JWK of one key give two identities');
  }
  keys.set(der, key);
  return key;
}
const accepts = (vector: WycheproofTest, group: WycheproofGroup): boolean =>
  verifyBytes(bytesOf(vector, 'msg'), keyOf(group), bytesOf(vector, 'sig'));
const nothing = (): boolean => false;

const ecdsa = {
  schema: 'ecdsa_p1363_verify_schema_v1.json',
  flags: [
    'ArithmeticError',
    'EdgeCasePublicKey',
    'EdgeCaseShamirMultiplication',
    'IntegerOverflow',
    'InvalidSignature',
    'ModifiedInteger',
    'ModularInverse',
    'PointDuplication',
    'RangeCheck',
    'SignatureSize',
    'SmallRandS',
    'SpecialCaseHash',
    'Untruncatedhash',
    'ValidSignature',
  ],
  accepts,
};
runWycheproof({ ...ecdsa, file: 'ecdsa_secp256r1_sha256_p1363_test' });
runWycheproof({ ...ecdsa, file: 'ecdsa_secp384r1_sha384_p1363_test' });
// ES256 is P-256 with SHA-256 and ES384 is P-384 with SHA-384: another hash is another algorithm.
runWycheproof({ ...ecdsa, file: 'ecdsa_secp256r1_sha512_p1363_test', takes: nothing });
runWycheproof({ ...ecdsa, file: 'ecdsa_secp384r1_sha512_p1363_test', takes: nothing });
// Another curve is no key of ours.
runWycheproof({ ...ecdsa, file: 'ecdsa_secp521r1_sha512_p1363_test', takes: nothing });
runWycheproof({ ...ecdsa, file: 'ecdsa_secp256k1_sha256_p1363_test', takes: nothing });

runWycheproof({
  file: 'ed25519_test',
  schema: 'eddsa_verify_schema_v1.json',
  flags: [
    'CompressedSignature',
    'InvalidEncoding',
    'InvalidKtv',
    'InvalidSignature',
    'Ktv',
    'SignatureMalleability',
    'SignatureWithGarbage',
    'TinkOverflow',
    'TruncatedSignature',
    'Valid',
  ],
  accepts,
});

const pss = {
  schema: 'rsassa_pss_verify_schema_v1.json',
  flags: [
    'DistinctHash',
    'Mgf1Sha1',
    'ModifiedSignature',
    'Normal',
    'ParameterTest',
    'SpecialCaseHash',
    'WeakHash',
    'WrongPrimitive',
  ],
  accepts,
  /** PS256: SHA-256 twice, salt 32, on a key within the policy. */
  takes: (_: WycheproofTest, group: WycheproofGroup): boolean =>
    group['sha'] === 'SHA-256' &&
    group['mgfSha'] === 'SHA-256' &&
    group['sLen'] === 32 &&
    Number(group['keySize']) >= 2048 &&
    Number(group['keySize']) <= 4096,
};
runWycheproof({ ...pss, file: 'rsa_pss_2048_sha256_mgf1_32_test' });
runWycheproof({ ...pss, file: 'rsa_pss_3072_sha256_mgf1_32_test' });
runWycheproof({ ...pss, file: 'rsa_pss_4096_sha256_mgf1_32_test' });
// Files about another salt or PKCS #1 v1.5 call a correct PS256 signature invalid, so they are not for us.
runWycheproof({ ...pss, file: 'rsa_pss_misc_test' });
// Keys with parameters of their own are refused: our one algorithm has its parameters.
runWycheproof({
  ...pss,
  file: 'rsa_pss_2048_sha256_mgf1_32_params_test',
  schema: 'rsassa_pss_with_parameters_verify_schema.json',
  takes: nothing,
});
