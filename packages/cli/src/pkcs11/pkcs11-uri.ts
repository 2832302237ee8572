/**
 * A key on a smart card, named by a URI: `pkcs11:token=…;object=…?module-path=…&pin-source=…` (RFC 7512).
 * It must never take a PIN from the URI itself: everybody on the machine can read the command line.
 * @module
 */
import { usage } from '../exit-status.ts';

/** Where the PIN comes from; asked for at the terminal where nothing is named. */
export type PinSource =
  { readonly kind: 'file'; readonly path: string } | { readonly kind: 'environment'; readonly name: string };

/** What the URI names; an absent attribute matches everything. */
export interface CardUri {
  readonly token: string | undefined;
  readonly serial: string | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  /** Label of the key. */
  readonly object: string | undefined;
  /** CKA_ID of the key, lower-case hexadecimal. */
  readonly id: string | undefined;
  /** Absolute path of the PKCS#11 module. */
  readonly modulePath: string;
  readonly pinSource: PinSource | undefined;
}

export const cardScheme = 'pkcs11:';
const form = 'pkcs11:token=LABEL;object=KEY?module-path=/path/of/module.so';
const uriCharacters = 2048;
const pathNames = ['token', 'serial', 'manufacturer', 'model', 'object', 'id', 'type'] as const;
const queryNames = ['module-path', 'pin-source'] as const;

/** Whether a `--key` names a card and not a file. */
export function isCardUri(text: string): boolean {
  return text.startsWith(cardScheme);
}

/** Reads a URI. @throws usage; the message names an attribute and never its value */
export function parseCardUri(text: string): CardUri {
  if (text.length > uriCharacters) throw refused(`it is longer than ${uriCharacters} characters`);
  const [path = '', query = '', ...rest] = text.slice(cardScheme.length).split('?');
  if (rest.length > 0) throw refused('it has more than one question mark');
  const named = readAttributes(path, ';', pathNames);
  const queried = readAttributes(query, '&', queryNames);
  const type = named.get('type');
  if (type !== undefined && type.toString() !== 'private') throw refused('its type is not private');
  const textOf = (name: (typeof pathNames)[number]): string | undefined => named.get(name)?.toString();
  return {
    token: textOf('token'),
    serial: textOf('serial'),
    manufacturer: textOf('manufacturer'),
    model: textOf('model'),
    object: textOf('object'),
    id: named.get('id')?.toString('hex'),
    modulePath: readModulePath(queried.get('module-path')?.toString()),
    pinSource: readPinSource(queried.get('pin-source')?.toString()),
  };
}

function readAttributes(text: string, separator: string, known: readonly string[]): ReadonlyMap<string, Buffer> {
  const attributes = new Map<string, Buffer>();
  for (const attribute of text.split(separator).filter((each) => each !== '')) {
    const at = attribute.indexOf('=');
    const name = at < 0 ? '' : attribute.slice(0, at);
    if (name === 'pin-value') {
      throw usage(
        'Cannot use the card: a PIN stands in its URI, where other users can see it',
        'give it with pin-source=file:/path or pin-source=env:NAME, or leave it out and be asked; change this PIN',
      );
    }
    if (!known.includes(name)) throw refused(`it has an attribute that is not one of: ${known.join(', ')}`);
    if (attributes.has(name)) throw refused(`it has ${name} twice`);
    attributes.set(name, decode(name, attribute.slice(at + 1)));
  }
  return attributes;
}

/** @source RFC 7512 §2.3: pct-encoded octets, for `id` any of them */
function decode(name: string, value: string): Buffer {
  if (value === '' || !/^(?:%[0-9A-Fa-f]{2}|[\x21-\x24\x26-\x7e])+$/.test(value)) {
    throw refused(`its ${name} is empty or not percent-encoded`);
  }
  const bytes = Buffer.from(
    value.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  );
  if (name === 'id') return bytes;
  // A control character would pass into the arguments and the output of another program.
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(bytes.toString())) throw refused(`its ${name} has control characters`);
  return bytes;
}

function readModulePath(path: string | undefined): string {
  if (path?.startsWith('/') === true) return path;
  throw usage(
    path === undefined
      ? 'Cannot use the card: its URI has no module-path'
      : 'Cannot use the card: the module-path of its URI does not begin with /',
    `name the PKCS#11 module that came with the card: ${form}`,
  );
}

function readPinSource(text: string | undefined): PinSource | undefined {
  if (text === undefined) return undefined;
  const environment = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(text)?.[1];
  if (environment !== undefined) return { kind: 'environment', name: environment };
  const path = /^(?:file:(?:\/\/)?)?(\/.*)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: 'file', path };
  throw refused('its pin-source is neither file:/path nor env:NAME');
}

function refused(why: string): Error {
  return usage(`Cannot use the card: its URI cannot be read, ${why}`, `the form is ${form}`);
}
