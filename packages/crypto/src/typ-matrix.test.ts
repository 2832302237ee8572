/**
 * T-13: every object of the protocol given to every verifier. Only its own may accept it, although all are made with the
 * same keys and each verifier trusts those keys.
 * @module
 */
import { describe, expect, test } from '@jest/globals';
import {
  isProblemError,
  parseJwe,
  parseJws,
  transcriptClaims,
  typ,
  unsealClaims,
  type JcsObject,
  type JweTyp,
  type JwsTyp,
  type Reader,
  type Typ,
} from '@letterlock/protocol';
import { openBindingKey, signBindingKey } from './binding-key.ts';
import { openBundle, signBundle } from './bundle.ts';
import { hash43 } from './bytes.ts';
import { signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { openDelivery } from './delivery.ts';
import { readEnvelope, verifyEnvelope } from './envelope.ts';
import { openJws, signJws, verifyJws } from './jws.ts';
import { generateOpeningKey, publicOf, publicOfOpening } from './keys.ts';
import { createKeyset, verifyKeyset } from './keyset.ts';
import { readOperation, signOperation } from './op.ts';
import { openPayload } from './payload.ts';
import { openPeer, openPeerKek, readBoot, sealPeerKek, signBoot, signPeer } from './peer.ts';
import { createProof, parseProof } from './proof-jws.ts';
import { signReceipt, verifyReceipt } from './receipt.ts';
import { SecretBytes } from './secret-bytes.ts';
import { openShare, openUnsealShare, sealShare, sealUnsealShare } from './shares.ts';
import { openJwe, sealJwe } from './slot.ts';
import { signState, verifyState } from './state-statement.ts';
import { deliver } from './testing/delivered.ts';

const inst = 'AAECAwQFBgcICQoLDA0ODw';
const nonce = 'L5TJa_giNdzmaouKIbXGSkac7MBRhLW-YZPXwy3uHi_rAdDBoJ-KSg';
const hash = hash43('something');
// One signature key and one encryption key for every role: nothing but the typ keeps the objects apart.
const encryption = generateOpeningKey();
const enc = publicOfOpening(encryption);
const delivered = await deliver({ nonce });
const signer = delivered.writer;
const verifier = publicOf(signer);
const { sealed, toOpen } = delivered;
const share = SecretBytes.random(33);
const unsealContext = { adminId: signer.thumbprint, boot: hash, inst, gen: 1, purpose: 'unseal' };
const unsealShare = await sealUnsealShare({ to: enc, ...unsealContext, share });
const peerKek = await sealPeerKek({ to: enc, gen: 1, kek: SecretBytes.random(32) });
const anyClaims: Reader<unknown> = (value) => value;

/** Objects without a function of their own are signed by signJws with claims of their section. */
const claimsOf: Partial<Record<JwsTyp, JcsObject>> = {
  [typ.unseal]: { boot: hash, c: hash, gen: 1, iat: 1, inst, nonce, purpose: 'unseal', s: unsealShare },
  [typ.transcript]: { admins: [hash], boot: hash, gen: 1, rev: 1, t: 1 },
};
const signedAs = (jwsTyp: JwsTyp): string => signJws({ typ: jwsTyp, key: signer, claims: claimsOf[jwsTyp]! });

/** A valid object of every type. */
const objects: Readonly<Record<Typ, string>> = {
  [typ.keyset]: createKeyset({ sig: signer, enc, seq: 1, iat: 1 }),
  [typ.proof]: createProof({ key: signer, method: 'GET', target: 'https://a/v1/x', bodyHash: hash, nonce, iat: 1 }),
  [typ.envelope]: sealed.envelope.sig,
  [typ.delivery]: signJws({ typ: typ.delivery, key: signer, claims: { ...delivered.claims } }),
  [typ.receipt]: signReceipt(signer, { at: 1, eh: hash, id: inst, ph: hash, rev: 1, st: 'STORED' }),
  [typ.state]: signState(signer, { exp: 2, iat: 1, inst, td: 'prod.example', tls: hash }),
  [typ.operation]: signOperation(signer, { op: 'seal', args: {}, exp: 1, inst, nonce: inst }),
  [typ.unseal]: signedAs(typ.unseal),
  [typ.transcript]: signedAs(typ.transcript),
  [typ.boot]: signBoot(signer, { boot: hash, exp: 2, iat: 1, td: 'prod.example' }),
  [typ.peer]: signPeer(signer, { boot: hash, gen: 1, inst, k: peerKek }),
  [typ.bindingKey]: signBindingKey(signer, { bk: [{ ...enc.jwk }], bnd: 'a/b', exp: 2, iat: 1, seq: 1 }),
  [typ.bundle]: signBundle(signer, { certs: ['AAAA'], exp: 2, iat: 1, past: [], seq: 1 }),
  [typ.checkpoint]: signCheckpoint(signer, { au: [['AAAAAAAAAAA', 1, hash]], n: 1, rev: 1, t: 1 }),
  [typ.slot]: await sealJwe({ typ: typ.slot, to: enc, header: { eh: sealed.eh }, plaintext: share.expose() }),
  [typ.deliverySlot]: toOpen.answer.dslot,
  [typ.payload]: sealed.envelope.payload,
  [typ.share]: await sealShare({ to: enc, inst, gen: 1, x: 1, share }),
  [typ.unsealShare]: unsealShare,
  [typ.peerShare]: peerKek,
};
const typs = Object.keys(objects) as Typ[];

function openSigned(jwsTyp: JwsTyp, claims: Reader<unknown> = anyClaims): (compact: string) => unknown {
  return (compact) => openJws(compact, { typ: jwsTyp, key: verifier, claims });
}
function mustVerify(isValid: boolean): void {
  if (!isValid) throw new TypeError('The signature of a valid object does not verify');
}

/** What accepts each type: the exported function that the product uses for it. */
const verifiers: Readonly<Record<Typ, (compact: string) => unknown>> = {
  [typ.keyset]: (compact) => verifyKeyset(compact),
  [typ.proof]: (compact) => {
    mustVerify(verifyJws(parseProof(compact).jws, verifier));
  },
  [typ.envelope]: (compact) => {
    verifyEnvelope(readEnvelope({ ...sealed.envelope, sig: compact }), verifier);
  },
  [typ.delivery]: (compact) =>
    openDelivery({ ...toOpen, instanceKey: verifier, answer: { ...toOpen.answer, dlv: compact } }),
  [typ.receipt]: (compact) => verifyReceipt(compact, verifier),
  [typ.state]: (compact) => verifyState(compact, verifier, { tls: hash }),
  [typ.operation]: (compact) => {
    mustVerify(verifyJws(readOperation(compact).jws, verifier));
  },
  [typ.unseal]: openSigned(typ.unseal, unsealClaims),
  [typ.transcript]: openSigned(typ.transcript, transcriptClaims),
  [typ.boot]: (compact) => readBoot(compact),
  [typ.peer]: (compact) => openPeer(compact, verifier),
  [typ.bindingKey]: (compact) => openBindingKey(compact, verifier, { nowSeconds: 1, bnd: 'a/b' }),
  [typ.bundle]: (compact) => openBundle(compact, verifier, { nowSeconds: 1, leastSeq: 1 }),
  [typ.checkpoint]: (compact) => verifyCheckpoint(compact, verifier),
  [typ.slot]: (compact) => openJwe(compact, { typ: typ.slot, key: encryption }),
  [typ.deliverySlot]: (compact) => openJwe(compact, { typ: typ.deliverySlot, key: toOpen.deliveryKey }),
  [typ.payload]: async (compact) => {
    const { plaintext } = await openJwe(sealed.envelope.slots[0]!, { typ: typ.slot, key: delivered.encryption });
    return openPayload({ payload: compact, fileKey: plaintext, header: sealed.header, eh: sealed.eh });
  },
  [typ.share]: (compact) => openShare(compact, encryption, { inst, gen: 1 }),
  [typ.unsealShare]: (compact) => openUnsealShare(compact, encryption, unsealContext),
  [typ.peerShare]: (compact) => openPeerKek(compact, encryption, 1),
};

async function accepts(wanted: Typ, compact: string): Promise<boolean> {
  try {
    await verifiers[wanted](compact);
    return true;
  } catch (error) {
    if (isProblemError(error)) return false;
    throw error;
  }
}

describe('T-13 the typ keeps objects apart', () => {
  test('the matrix holds every type of the registry', () => {
    expect(typs.toSorted()).toEqual(Object.values(typ).toSorted());
    expect(new Set(Object.values(typ)).size).toBe(20);
  });

  test.each(typs.flatMap((given) => typs.map((wanted) => ({ given, wanted }))))(
    '$given given to the verifier of $wanted',
    async ({ given, wanted }) => {
      expect(await accepts(wanted, objects[given])).toBe(given === wanted);
    },
  );

  test.each(typs.flatMap((given) => typs.filter((wanted) => wanted !== given).map((wanted) => ({ given, wanted }))))(
    '$given is refused as $wanted by its form, before any key',
    ({ given, wanted }) => {
      const parse = (): unknown =>
        wanted.endsWith('+jws')
          ? parseJws(objects[given], wanted as JwsTyp, 65_536)
          : parseJwe(objects[given], wanted as JweTyp, 65_536);
      expect(parse).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
    },
  );
});
