/**
 * Keys that nobody holds, one for each signature algorithm: a signature by an unknown key is verified against one of
 * these, so that "unknown" costs the same work as "bad signature". They must never authenticate anybody.
 * @module
 */
import { importVerifyingKey, type VerifyingKey } from '@letterlock/crypto';
import type { ParsedJws, PublicJwk, SignatureAlgorithm } from '@letterlock/protocol';

/** Public halves only; the private halves were never written down. */
const decoys: Readonly<Record<SignatureAlgorithm, PublicJwk>> = {
  ES256: {
    crv: 'P-256',
    kty: 'EC',
    x: '31Lbu4WPiRDEUnF3Lr6cVfbX5fFElNuDNQ4p_VsTWtE',
    y: 'ZHCjdm_rNd_UvAcFPEhw8ATIEHKhJc7GxLSyVoWFYeI',
  },
  ES384: {
    crv: 'P-384',
    kty: 'EC',
    x: 'b9f7dDngN2q66qyaHYSrn3oPaEdHOysLV2d9V5w1iYS2lgc9vVxOcx8FEzYkH_Gq',
    y: 'ENXenhfio0A-oZEmsRKTUByLbAeXo0bVQ8fL0BAIWYTCY953wf2NHhSN2Ky4ctTb',
  },
  Ed25519: { crv: 'Ed25519', kty: 'OKP', x: 'eHrjZpt57Ssq7wIIGfDEpetyzFIHjOWkP-vYsrCt4n0' },
  PS256: {
    e: 'AQAB',
    kty: 'RSA',
    n: [
      'tE9WpUTOAML9R5KpkNglU9G-u_q5BEhoqCkikB4DDTiQ7KgOA0-dfkp9WOvJTG6g-TcIGsd-g57g8hGOU790ESR8ssr-cR8zGMFdKh2iud1b',
      'Jk_hvakY9t4pewSG45lS_oMyXuotHtuigvfAMWxVudhRgwq8VGdxRYUNmcbBB1jp-tBa47R3pVgESxzuFMIr-R95jvGErSujPPxQWbgHUQMV',
      'FiMnPHNhk0gwztu5y_UgAOkGsxIEIkcodjQ_jA-l5svZKRFKufn3_wczQyU9NvKcVQikENWDFzjqcx23J4VIV9mEtkTaWkdc6TmBAbHnXN6G',
      'dSZXqrbJTC7v42nKaXXK36SXIjBqpsLiWUnygxIkxjutuLGTe9gKHXRPWVZA5Q2Wp4NPSPhLGuZcSYCovqa_8VSlbnOZycoXtNrbCViMefdP',
      'b5QAaTmX6jR2p8j6LB4dcnjKcPCgC6LaPLzg9o92cvMSJVW7pzaAQenyw1M3PiRwIEp4b2j6RHegB53j',
    ].join(''),
  },
};

const imported = new Map<string, VerifyingKey>();

/** Whether a header's algorithm is one of those allowed. */
export function isSignatureAlgorithm(algorithm: string): algorithm is SignatureAlgorithm {
  return Object.hasOwn(decoys, algorithm);
}

/** The key that nobody holds of this algorithm. */
export function decoyKey(algorithm: SignatureAlgorithm): VerifyingKey {
  const key = imported.get(algorithm) ?? importVerifyingKey(decoys[algorithm]);
  imported.set(algorithm, key);
  return key;
}

/** The same signed bytes under the decoy's name, so that verifying does its whole work. */
export function addressedTo(jws: ParsedJws, decoy: VerifyingKey): ParsedJws {
  return { ...jws, header: { ...jws.header, kid: decoy.thumbprint, alg: decoy.algorithm } };
}
