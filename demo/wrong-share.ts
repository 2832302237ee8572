/**
 * An admin who is not honest: sends its share with one byte changed, which the command line would not do.
 * It must never be of use to anybody else: it has the admin's key.
 * @module
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { parseKeyFile } from '@letterlock/client';
import { importSealingKey, openShare, sealUnsealShare, shareCommitment, signJws } from '@letterlock/crypto';
import { typ, unsealStatusResponse, type JcsObject } from '@letterlock/protocol';

interface Answer {
  readonly status: number;
  readonly nonce: string;
  readonly body: JcsObject;
}

export interface WrongShareOptions {
  readonly address: string;
  /** Value of the header that `letterlock proof` printed for `GET /v1/sys/unseal`. */
  readonly authorization: string;
  readonly keyFile: string;
  readonly certificateFile: string;
}

/** @returns the status and code of the refusal */
export async function sendWrongShare(o: WrongShareOptions): Promise<string> {
  const { signingKey, openingKeys } = parseKeyFile(readFileSync(o.keyFile));
  const tls = { cert: readFileSync(o.certificateFile), key: readFileSync(o.keyFile) };
  const send = (method: 'GET' | 'POST', body?: string): Promise<Answer> =>
    exchange(`${o.address}/v1/sys/unseal`, { method, body, tls, authorization: o.authorization });
  const { body, nonce } = await send('GET');
  const { boot, benc, inst, gen, share: own } = unsealStatusResponse(body, '');
  const opened = await openShare(own, openingKeys[0], { inst, gen });
  using share = opened.share;
  const bytes = share.expose();
  bytes[0] = bytes[0]! ^ 1;
  const context = { adminId: signingKey.thumbprint, boot, inst, gen, purpose: 'unseal' } as const;
  const s = await sealUnsealShare({ to: importSealingKey(benc), ...context, share });
  const iat = Math.floor(Date.now() / 1000);
  const c = shareCommitment(inst, gen, share);
  const claims = { boot, c, gen, iat, inst, nonce, purpose: 'unseal', s };
  const jws = signJws({ typ: typ.unseal, key: signingKey, claims });
  const refused = await send('POST', JSON.stringify({ jws }));
  const { code } = refused.body;
  return `${refused.status} ${typeof code === 'string' ? code : 'ok'}`;
}

function exchange(
  url: string,
  o: {
    readonly method: 'GET' | 'POST';
    readonly body: string | undefined;
    readonly tls: { readonly cert: Buffer; readonly key: Buffer };
    readonly authorization: string;
  },
): Promise<Answer> {
  const { method, body, tls, authorization } = o;
  const headers = body === undefined ? { authorization } : { 'content-type': 'application/json' };
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  // Who answers is not in question here; letterlock itself pins the fingerprint.
  const outgoing = request(url, { method, headers, agent: false, rejectUnauthorized: false, ...tls }, (incoming) => {
    let text = '';
    incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
    incoming.on('end', () =>
      resolve({
        status: incoming.statusCode ?? 0,
        nonce: String(incoming.headers['replay-nonce'] ?? ''),
        body: JSON.parse(text) as JcsObject,
      }),
    );
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}
