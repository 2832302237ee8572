/**
 * The statement of a binding's key (protocol.md §5.5): what a writer encrypts to, signed by the instance key.
 * It must never be taken for the key of another binding, nor after its end.
 * @module
 */
import { bindingKeyClaims, ProblemError, typ, type BindingKeyClaims, type OnceSecret } from '@letterlock/protocol';
import { openJws, signJws } from './jws.ts';
import { importSealingKey, type SealingKey, type SigningKey, type VerifyingKey } from './keys.ts';

const statementCharacters = 16_384;

/** Signs which keys a binding has, the newest first. */
export function signBindingKey(key: SigningKey, claims: BindingKeyClaims): string {
  const { rcp, once, ...rest } = claims;
  const bk = claims.bk.map((jwk) => ({ ...jwk }));
  return signJws({
    typ: typ.bindingKey,
    key,
    claims: {
      ...rest,
      bk,
      ...(once === undefined ? {} : { once: once.map((each) => ({ ...each })) }),
      ...(rcp === undefined ? {} : { rcp }),
    },
  });
}

/**
 * Verifies the statement. @param o - `bnd`: `<namespace>/<name>` of the binding that was asked for
 * @returns the key to encrypt to, and who receives and what opens once, if that was known. @throws 'bad_encoding', 'bad_key', 'bad_proof' with reason signature_invalid, binding_key_other or binding_key_expired
 */
export function openBindingKey(
  jws: string,
  key: VerifyingKey,
  o: { readonly nowSeconds: number; readonly bnd: string },
): {
  readonly key: SealingKey;
  readonly seq: number;
  readonly recipients: readonly string[];
  readonly once: readonly OnceSecret[];
} {
  const claims = openJws(jws, {
    typ: typ.bindingKey,
    key,
    claims: bindingKeyClaims,
    maximumCharacters: statementCharacters,
  });
  if (claims.bnd !== o.bnd) throw new ProblemError('bad_proof', { reason: 'binding_key_other' });
  if (o.nowSeconds > claims.exp) throw new ProblemError('bad_proof', { reason: 'binding_key_expired' });
  const { bk, seq, rcp = [], once = [] } = claims;
  return { key: importSealingKey(bk[0]), seq, recipients: rcp, once };
}
