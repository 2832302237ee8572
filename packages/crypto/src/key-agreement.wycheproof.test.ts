/** Wycheproof: public keys on their way through our import to a Diffie-Hellman secret. @module */
import { createECDH, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { importSealingKey, openingKeyOf, sealingKeyOf, type SealingKey } from './keys.ts';
import { bytesOf, runWycheproof, sameBytes, type WycheproofGroup, type WycheproofTest } from './testing/wycheproof.ts';

const curves = {
  secp256r1: { crv: 'P-256', name: 'prime256v1', bytes: 32 },
  secp384r1: { crv: 'P-384', name: 'secp384r1', bytes: 48 },
} as const;
const curveOf = (group: WycheproofGroup) => curves[group['curve'] as keyof typeof curves];
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** A private key from Wycheproof's two's-complement integer. */
function ecPrivateKey(vector: WycheproofTest, group: WycheproofGroup): KeyObject {
  const { crv, name, bytes } = curveOf(group);
  const scalar = bytesOf(vector, 'private')
    .toString('hex')
    .replace(/^0+/, '')
    .padStart(bytes * 2, '0');
  const d = Buffer.from(scalar, 'hex');
  const ecdh = createECDH(name);
  ecdh.setPrivateKey(d);
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)].map(base64url) as [string, string];
  return openingKeyOf(createPrivateKey({ key: { kty: 'EC', crv, d: base64url(d), x, y }, format: 'jwk' })).keyObject;
}

function agrees(privateKey: KeyObject, to: SealingKey, vector: WycheproofTest): true {
  return sameBytes(diffieHellman({ privateKey, publicKey: to.keyObject }), bytesOf(vector, 'shared'));
}

const ecFlags = [
  'AdditionChain',
  'CVE-2017-8932',
  'CompressedPoint',
  'CompressedPublic',
  'EdgeCaseDoubling',
  'EdgeCaseEphemeralKey',
  'EdgeCaseSharedSecret',
  'InvalidAsn',
  'InvalidCompressedPublic',
  'InvalidCurveAttack',
  'InvalidEncoding',
  'InvalidPublic',
  'LargeCofactor',
  'ModifiedCofactor',
  'ModifiedCurveParameter',
  'ModifiedGenerator',
  'ModifiedGroup',
  'ModifiedPrime',
  'ModifiedPublicPoint',
  'NegativeCofactor',
  'NoCofactor',
  'Normal',
  'UnnamedCurve',
  'UnusedParam',
  'WeakPublicKey',
  'WrongCurve',
  'WrongOrder',
];

for (const curve of ['secp256r1', 'secp384r1']) {
  runWycheproof({
    file: `ecdh_${curve}_test`,
    schema: 'ecdh_test_schema_v1.json',
    flags: ecFlags,
    accepts: (vector, group) => {
      const key = createPublicKey({ key: bytesOf(vector, 'public'), type: 'spki', format: 'der' });
      return agrees(ecPrivateKey(vector, group), sealingKeyOf(key), vector);
    },
  });
  runWycheproof({
    file: `ecdh_${curve}_ecpoint_test`,
    schema: 'ecdh_ecpoint_test_schema_v1.json',
    flags: ecFlags,
    // A JWK has both coordinates, so a compressed point cannot be written as one.
    takes: (vector) => (vector.flags.includes('CompressedPoint') ? false : vector.result === 'valid'),
    accepts: (vector, group) => {
      const { crv, bytes } = curveOf(group);
      const point = bytesOf(vector, 'public');
      if (point[0] !== 4) return false;
      const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)].map(base64url) as [string, string];
      return agrees(ecPrivateKey(vector, group), importSealingKey({ crv, kty: 'EC', x, y }), vector);
    },
  });
}

const x25519Pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
runWycheproof({
  file: 'x25519_test',
  schema: 'xdh_comp_schema_v1.json',
  flags: [
    'EdgeCaseMultiplication',
    'EdgeCasePrivateKey',
    'EdgeCaseShared',
    'Ktv',
    'LowOrderPublic',
    'NonCanonicalPublic',
    'Normal',
    'SmallPublicKey',
    'SpecialPublicKey',
    'Twist',
    'ZeroSharedSecret',
  ],
  // Points of small order and second spellings of a point are no keys; points on the twist are harmless.
  takes: (vector) => {
    const refused = ['LowOrderPublic', 'NonCanonicalPublic', 'ZeroSharedSecret'];
    return !vector.flags.some((flag) => refused.includes(flag));
  },
  accepts: (vector) => {
    const privateKey = openingKeyOf(
      createPrivateKey({ key: Buffer.concat([x25519Pkcs8, bytesOf(vector, 'private')]), type: 'pkcs8', format: 'der' }),
    ).keyObject;
    const to = importSealingKey({ crv: 'X25519', kty: 'OKP', x: base64url(bytesOf(vector, 'public')) });
    return agrees(privateKey, to, vector);
  },
});
