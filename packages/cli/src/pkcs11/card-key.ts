/**
 * The key that a URI names, found among the tokens and keys of a module.
 * It must never choose between two: a person says which.
 * @module
 */
import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { KeyFile } from '@letterlock/client';
import { openingKeyOn, signingKeyOn } from '@letterlock/crypto';
import { isProblemError } from '@letterlock/protocol';
import { usage } from '../exit-status.ts';
import { cardDevice } from './card-device.ts';
import { cardFailure } from './card-failures.ts';
import { readObjects, readTokens, type CardObject, type CardToken } from './card-listing.ts';
import { readPin, type PinContext } from './card-pin.ts';
import { toolOf, type RunTool } from './pkcs11-tool.ts';
import { parseCardUri, type CardUri } from './pkcs11-uri.ts';

/** The keys of a card: one that signs and receives. @param o - `needsPrivate`: false asks for no PIN. @throws usage, authentication, unavailable */
export async function readCardKeys(
  context: PinContext,
  text: string,
  o: { readonly needsPrivate: boolean },
): Promise<KeyFile> {
  const uri = parseCardUri(text);
  const run = toolOf(uri.modulePath, context.environment);
  const token = chooseToken(uri, readTokens(textOf(run, ['--list-slots'])));
  const { publicKey, selection } = readPublicKey(uri, run, token);
  const pin = o.needsPrivate ? await readPin(context, uri.pinSource, token) : undefined;
  const device = cardDevice({ run, selection, publicKey, pin });
  try {
    return { signingKey: signingKeyOn(device, publicKey), openingKeys: [openingKeyOn(device, publicKey)] };
  } catch (cause) {
    if (!isProblemError(cause)) throw cause;
    throw usage(
      `Cannot use the card: ${cause.message}`,
      'an admin key on a card is P-256, P-384 or RSA of 3072 to 4096 bits',
    );
  }
}

function chooseToken(uri: CardUri, tokens: readonly CardToken[]): CardToken {
  const named = (['serial', 'manufacturer', 'model'] as const).filter((name) => uri[name] !== undefined);
  const matching = tokens.filter(
    (token) =>
      (uri.token === undefined || token.label === uri.token) && named.every((name) => token[name] === uri[name]),
  );
  const [token] = matching;
  if (token !== undefined && matching.length === 1) return token;
  if (tokens.length === 0) {
    throw usage('Cannot use the card: its module shows no token', 'plug the card in, and check module-path');
  }
  const labels = tokens.map(({ label, serial }) => `${label} (serial ${serial})`).join(', ');
  throw token === undefined
    ? usage('Cannot use the card: no token is the one that the URI names', `there are: ${labels}`)
    : usage('Cannot use the card: several tokens match its URI', `name one by token= or serial=, of: ${labels}`);
}

interface FoundKey {
  readonly publicKey: KeyObject;
  readonly selection: readonly string[];
}

/** Some cards show the public half only in a certificate. */
const publicTypes = [
  { type: 'pubkey', read: (der: Buffer) => createPublicKey({ key: der, format: 'der', type: 'spki' }) },
  { type: 'cert', read: (der: Buffer) => new X509Certificate(der).publicKey },
] as const;

function readPublicKey(uri: CardUri, run: RunTool, token: CardToken): FoundKey {
  const slot = ['--slot', token.slot];
  const seen: CardObject[] = [];
  for (const { type, read } of publicTypes) {
    const objects = readObjects(textOf(run, ['--list-objects', '--type', type, ...slot]));
    seen.push(...objects);
    const matching = objects.filter((each) => isNamed(uri, each));
    const [object] = matching;
    if (object === undefined) continue;
    if (matching.length > 1) {
      throw usage('Cannot use the card: several keys match its URI', `name one, of: ${namesOf(matching)}`);
    }
    const selection = [...slot, ...(object.id === '' ? ['--label', object.label] : ['--id', object.id])];
    const der =
      object.point === undefined ? run({ arguments: ['--read-object', '--type', type, ...selection] }) : undefined;
    if (der?.isDone === false) throw cardFailure(der);
    try {
      return { publicKey: der === undefined ? publicKeyOf(object.point!) : read(der.output), selection };
    } catch {
      throw usage('Cannot use the card: the public half of the key cannot be read');
    }
  }
  throw usage(
    'Cannot use the card: no key on it is the one that the URI names',
    seen.length === 0 ? 'it shows no keys at all' : `there are: ${namesOf(seen)}`,
  );
}

/** The listing has it; reading the object fails for P-384 in OpenSC 0.23. */
function publicKeyOf({ curve, x, y }: NonNullable<CardObject['point']>): KeyObject {
  const encode = (digits: string): string => Buffer.from(digits, 'hex').toString('base64url');
  return createPublicKey({ key: { kty: 'EC', crv: curve, x: encode(x), y: encode(y) }, format: 'jwk' });
}

function isNamed(uri: CardUri, object: CardObject): boolean {
  return (uri.object === undefined || object.label === uri.object) && (uri.id === undefined || object.id === uri.id);
}

/** As a URI names them. */
function namesOf(objects: readonly CardObject[]): string {
  return objects
    .map(({ label, id }) => `object=${encodeURIComponent(label)};id=${id.replaceAll(/../g, '%$&')}`)
    .join(', ');
}

function textOf(run: RunTool, given: readonly string[]): string {
  const answer = run({ arguments: given });
  if (!answer.isDone) throw cardFailure(answer);
  return answer.output.toString();
}
