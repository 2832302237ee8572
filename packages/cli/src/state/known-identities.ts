/**
 * The pins of people: which identity id a name means here, and the newest keyset seen of each id.
 * It must never let a name change its id without a word, nor accept an older keyset than one seen before.
 * @module
 */
import { join } from 'node:path';
import type { Keyset } from '@letterlock/crypto';
import { CommandError, usage } from '../exit-status.ts';
import { isRecordOf, readJsonFile, writeJsonFile } from './json-file.ts';

export interface SeenKeyset {
  /** Highest `seq` seen. */
  readonly seq: number;
  readonly keyset: string;
  /** Name that the owner gives itself; for display. */
  readonly name?: string;
}

interface Content {
  /** Name → identity id. */
  readonly names: Readonly<Record<string, string>>;
  /** Identity id → newest keyset. */
  readonly keysets: Readonly<Record<string, SeenKeyset>>;
}

const idPattern = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const empty: Content = { names: {}, keysets: {} };

/** Whether a text is an identity id: 43 characters of canonical base64url. */
export function isIdentityId(text: string): boolean {
  return idPattern.test(text);
}

/** `known-identities.json`, the `known_hosts` of people. */
export class KnownIdentitiesFile {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'known-identities.json');
  }

  names(): Readonly<Record<string, string>> {
    return this.#read().names;
  }

  /** Newest keyset seen of an id. */
  seen(id: string): SeenKeyset | undefined {
    const { keysets } = this.#read();
    return Object.hasOwn(keysets, id) ? keysets[id] : undefined;
  }

  /** The id that a text means: an id itself, or a pinned name. @throws usage */
  resolve(text: string): string {
    if (isIdentityId(text)) return text;
    const { names } = this.#read();
    if (Object.hasOwn(names, text)) return names[text]!;
    throw usage(
      `Cannot find ${text}: no identity is pinned under this name`,
      `pin it with: letterlock identity show ID --pin ${text}`,
    );
  }

  /** Name under which an id is pinned. */
  nameOf(id: string): string | undefined {
    return Object.entries(this.names()).find(([, pinned]) => pinned === id)?.[0];
  }

  /** Pins a name. @throws CommandError 'integrity' if it means another id, unless it is to be replaced. */
  pin(name: string, id: string, isReplacing: boolean): void {
    const content = this.#read();
    const pinned = Object.hasOwn(content.names, name) ? content.names[name] : undefined;
    if (pinned === id) return;
    if (pinned !== undefined && !isReplacing) {
      throw new CommandError(
        'integrity',
        `The name ${name} is pinned to ${pinned}, and this identity is ${id}: somebody may want to read what is meant for ${name}`,
        `ask ${name} in another way, then repeat with --force`,
      );
    }
    this.#write({ ...content, names: { ...content.names, [name]: id } });
  }

  /** Remembers a verified keyset. @throws CommandError 'integrity' if a newer one was seen. */
  see(keyset: Keyset): void {
    const content = this.#read();
    const before = Object.hasOwn(content.keysets, keyset.id) ? content.keysets[keyset.id] : undefined;
    if (before !== undefined && before.seq > keyset.seq) {
      throw new CommandError(
        'integrity',
        `Cannot accept the keyset of ${keyset.id}: it has number ${keyset.seq}, and number ${before.seq} was seen before`,
        'the server shows an old key; tell who runs it',
      );
    }
    if (before?.keyset === keyset.jws) return;
    const seen = { seq: keyset.seq, keyset: keyset.jws, ...(keyset.name === undefined ? {} : { name: keyset.name }) };
    this.#write({ ...content, keysets: { ...content.keysets, [keyset.id]: seen } });
  }

  /** A pinned name, or a name that another id gave itself, that this keyset now claims: what a person must be warned of. */
  conflictOf(keyset: Keyset): { readonly name: string; readonly otherId: string } | undefined {
    const { name } = keyset;
    if (name === undefined) return undefined;
    const { names, keysets } = this.#read();
    const pinned = Object.hasOwn(names, name) ? names[name] : undefined;
    const seen = Object.entries(keysets).find(([id, entry]) => id !== keyset.id && entry.name === name)?.[0];
    const otherId = pinned !== undefined && pinned !== keyset.id ? pinned : pinned === undefined ? seen : undefined;
    return otherId === undefined ? undefined : { name, otherId };
  }

  #read(): Content {
    return readJsonFile(this.path, isContent) ?? empty;
  }

  #write(content: Content): void {
    writeJsonFile(this.path, content);
  }
}

function isContent(value: unknown): value is Content {
  const content = value as Partial<Content> | null;
  return (
    typeof content === 'object' &&
    content !== null &&
    isRecordOf(content.names, (id): id is string => typeof id === 'string' && isIdentityId(id)) &&
    isRecordOf(content.keysets, isSeenKeyset)
  );
}

function isSeenKeyset(value: unknown): value is SeenKeyset {
  const seen = value as Partial<Record<keyof SeenKeyset, unknown>> | null;
  return (
    typeof seen === 'object' &&
    seen !== null &&
    Number.isInteger(seen.seq) &&
    typeof seen.keyset === 'string' &&
    (seen.name === undefined || typeof seen.name === 'string')
  );
}
