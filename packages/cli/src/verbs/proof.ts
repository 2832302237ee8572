/**
 * `letterlock proof`: the Authorization header of one request, for tools that are not ours.
 * It must never sign for another server than the pinned one.
 * @module
 */
import { inspectServer, parseAddress } from '@letterlock/client';
import { createProof, hash43 } from '@letterlock/crypto';
import { headerNames, isRequestPath, limits } from '@letterlock/protocol';
import { otherPin, readIdentity, trustedFingerprint } from '../connect.ts';
import type { Context } from '../context.ts';
import { usage } from '../exit-status.ts';
import { readRegularFile } from '../files/read-file.ts';
import { required } from '../people.ts';
import { serviceOf } from '../service.ts';
import { defineVerb } from '../verb.ts';

const methods = ['GET', 'HEAD', 'POST'];

export const verb = defineVerb({
  description:
    'The proof names no TLS channel, so the request must present the same key as its TLS client certificate ' +
    '("letterlock key certificate"). It is good for one request within two minutes.',
  options: {
    method: { flags: '--method <method>', help: 'GET, HEAD or POST; default POST with --body, else GET' },
    url: { flags: '--url <url>', help: 'the whole address of the request' },
    body: { flags: '--body <file>', help: 'the body, byte for byte; default: empty' },
    nonce: { flags: '--nonce <nonce>', help: 'Replay-Nonce of the last answer; default: asked for' },
  },
  examples: [
    {
      command:
        'letterlock proof --method POST --url https://letterlock.example.com:8443/v1/wraps/ID/revoke --body empty.json',
      does: 'print the header',
    },
    {
      command:
        'curl --cert me.crt --key me.key -H "$(letterlock proof --url "$URL" --body b.json)" --data-binary @b.json "$URL"',
      does: 'use it',
    },
  ],
  async run(context, { options }) {
    const { origin, path } = readUrl(required(options.url, '--url', 'the address of the request'));
    const method = options.method ?? (options.body === undefined ? 'GET' : 'POST');
    if (!methods.includes(method))
      throw usage('Cannot sign: --method is not known', `known are: ${methods.join(', ')}`);
    const identity = await readIdentity(context);
    const body = options.body === undefined ? '' : readRegularFile(options.body, limits.bodyBytes, 'the body').bytes;
    const nonce = options.nonce ?? (await fetchNonce(context, origin));
    if (!/^[A-Za-z0-9_-]{54}$/.test(nonce)) throw usage('Cannot sign: --nonce has 54 characters of base64url');
    const proof = createProof({
      key: identity.signingKey,
      method,
      target: `${origin}${path}`,
      bodyHash: hash43(body),
      nonce,
      iat: context.now(),
    });
    const header = `Authorization: ${headerNames.scheme} ${proof}`;
    context.output.result({ header, nonce, target: `${origin}${path}`, method }, [['', header]]);
  },
});

function readUrl(url: string): { readonly origin: string; readonly path: string } {
  const match = /^(https:\/\/[^/]+)(\/.*)$/.exec(url);
  if (match === null || !isRequestPath(match[2]!)) {
    throw usage('Cannot sign: --url is not an address of the API', 'it is https://host[:port]/v1/…, without a query');
  }
  try {
    return { origin: parseAddress(match[1]!).origin, path: match[2]! };
  } catch (cause) {
    throw usage((cause as Error).message);
  }
}

async function fetchNonce(context: Context, origin: string): Promise<string> {
  const fingerprint = await trustedFingerprint(context, serviceOf(origin));
  const shown = await context.progress(`Connecting to ${origin}`, inspectServer(origin, { signal: context.signal }));
  if (shown.fingerprint !== fingerprint) throw otherPin(origin, fingerprint, shown.fingerprint ?? 'none');
  if (shown.nonce === undefined) throw usage('Cannot sign: the server gave no nonce', 'give one with --nonce');
  return shown.nonce;
}
