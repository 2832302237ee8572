/**
 * Secrets with versions: writing, reading, listing, destroying, and sharing with a further reader.
 * It must never give out a version below the highest that was seen of its path, unless that very version was asked for.
 * @module
 */
import {
  generateOpeningKey,
  openDelivery,
  SecretBytes,
  type Keyset,
  type OpenedDelivery,
  type OpeningKey,
  type VerifyingKey,
} from '@letterlock/crypto';
import {
  canonicalize,
  deliveryResponse,
  listSecretsResponse,
  secretVersionsResponse,
  type DeliveryClaims,
  type EnvelopeHeader,
  type JcsObject,
  type SecretVersionsResponse,
} from '@letterlock/protocol';
import { readDocument } from './answers.ts';
import type { CallOptions, Deadline } from './deadline.ts';
import { IntegrityError, integrityOf, LetterlockError } from './errors.ts';
import type { IdentityBook } from './identities.ts';
import { storeNext } from './next-version.ts';
import { readContent } from './open-wrap.ts';
import { checkReceipt, readReceiptAnswer, type Receipt } from './receipts.ts';
import { sealSecret, type SecretContent } from './seal-secret.ts';
import { envelopeBody } from './seal-wrap.ts';
import type { Session } from './session.ts';

/** Keeps the highest version seen of each path; a Map is one. */
export interface VersionMemory {
  get(path: string): number | undefined;
  set(path: string, ver: number): unknown;
}

export interface WriteSecretOptions extends SecretContent, CallOptions {
  /** The readers, 1 to 16: identity ids, whose keysets are fetched and verified, or verified keysets. */
  readonly to: readonly (string | Keyset)[];
  /** Must be higher than the latest: what was read, plus one, loses to whoever wrote in between. Default: the next, whatever the latest is. */
  readonly ver?: number | undefined;
  /** Default: it does not expire. */
  readonly expiresInSeconds?: number | undefined;
}

/** A stored version. */
export interface WrittenSecret {
  readonly path: string;
  readonly ver: number;
  readonly header: EnvelopeHeader;
  readonly envelopeHash: string;
  readonly receipt: Receipt;
}

export interface ReadSecretOptions extends CallOptions {
  /** Default: the latest. */
  readonly ver?: number | undefined;
  /** Whether a writer's id is acceptable. Default: any. */
  readonly isWriterAllowed?: ((writerId: string) => boolean) | undefined;
}

/** One version as it was read; disposing of it erases the content. */
export interface ReadSecret extends Disposable {
  readonly content: SecretBytes;
  readonly name: string | undefined;
  readonly type: string | undefined;
  readonly ver: number;
  readonly header: EnvelopeHeader;
  readonly delivery: DeliveryClaims;
  readonly writer: VerifyingKey;
}

export interface ListSecretsOptions extends CallOptions {
  /** Default: the top. */
  readonly path?: string | undefined;
}

/** A secret with its latest version, or, without one, a folder. A name can be both, in two entries. */
export interface ListedSecret {
  /** The whole path, without a slash at its end. */
  readonly path: string;
  readonly ver: number | undefined;
}

export type SecretVersion = SecretVersionsResponse['items'][number];

export interface ShareSecretOptions extends CallOptions {
  /** Readers to add: identity ids or verified keysets. */
  readonly with: readonly (string | Keyset)[];
  /** As for reading: whose content is written again. */
  readonly isWriterAllowed?: ((writerId: string) => boolean) | undefined;
}

/** The secrets of one client. */
export class SecretBook {
  readonly #session: Session;
  readonly #identities: IdentityBook;
  readonly #seen: VersionMemory;

  constructor(session: Session, identities: IdentityBook, seen: VersionMemory = new Map<string, number>()) {
    this.#session = session;
    this.#identities = identities;
    this.#seen = seen;
  }

  async write(options: WriteSecretOptions, deadline: Deadline): Promise<WrittenSecret> {
    const { ver, expiresInSeconds } = options;
    if (expiresInSeconds !== undefined && (!Number.isSafeInteger(expiresInSeconds) || expiresInSeconds < 1)) {
      throw new RangeError('Cannot write: expiresInSeconds must be a positive integer');
    }
    const expiry = (iat: number) => (expiresInSeconds === undefined ? undefined : iat + expiresInSeconds);
    if (ver !== undefined) return this.#store({ ...options, ver, expiry }, deadline);
    return storeNext(this.#seen.get(options.path), (next) => this.#store({ ...options, ver: next, expiry }, deadline));
  }

  async read(path: string, options: ReadSecretOptions, deadline: Deadline): Promise<ReadSecret> {
    const identity = this.#session.requireIdentity();
    const { ver, isWriterAllowed } = options;
    // Another call may see a newer version while this one is under way: that makes its answer no older than it was asked for.
    const seen = this.#seen.get(path);
    let deliveryKey: OpeningKey | undefined;
    const reply = await this.#session.call(
      {
        route: 'readSecret',
        body: () => {
          deliveryKey = generateOpeningKey();
          const rpk = deliveryKey.jwk as unknown as JcsObject;
          return canonicalize({ path, rpk, ...(ver === undefined ? {} : { ver }) });
        },
        read: (body) => readDocument(deliveryResponse, body),
      },
      deadline,
    );
    const opened = await integrityOf('delivery', () =>
      openDelivery({
        answer: reply.value,
        expected: {
          path,
          nonce: reply.nonce,
          readerId: identity.id,
          sentBodyHashes: [],
          ...(isWriterAllowed === undefined ? {} : { isWriterAllowed }),
        },
        instanceKey: reply.server!.instanceKey,
        deliveryKey: deliveryKey!,
        encryptionKeys: identity.openingKeys,
      }),
    );
    using whole = opened.content;
    checkVersion(opened.header, { asked: ver, seen });
    this.#notice(path, opened.header.ver);
    return unpack(opened, whole);
  }

  async list({ path }: ListSecretsOptions, deadline: Deadline): Promise<readonly ListedSecret[]> {
    const listed: ListedSecret[] = [];
    for (let after: string | undefined, isMore = true; isMore;) {
      const request = { ...(after === undefined ? {} : { after }), ...(path === undefined ? {} : { path }) };
      const { value } = await this.#session.call(
        {
          route: 'listSecrets',
          body: () => canonicalize(request),
          read: (body) => readDocument(listSecretsResponse, body),
        },
        deadline,
      );
      const prefix = path === undefined ? '' : `${path}/`;
      listed.push(...value.items.map(({ name, ver }) => ({ path: `${prefix}${name.replace('/', '')}`, ver })));
      after = value.next;
      isMore = after !== undefined;
    }
    return listed.toSorted((one, other) =>
      one.path < other.path ? -1 : one.path > other.path ? 1 : byKind(one, other),
    );
  }

  async versions(path: string, deadline: Deadline): Promise<readonly SecretVersion[]> {
    const all: SecretVersion[] = [];
    for (let after: number | undefined, isMore = true; isMore;) {
      const request = { path, ...(after === undefined ? {} : { after }) };
      const { value } = await this.#session.call(
        {
          route: 'secretVersions',
          body: () => canonicalize(request),
          read: (body) => readDocument(secretVersionsResponse, body),
        },
        deadline,
      );
      all.push(...value.items);
      after = value.next;
      isMore = after !== undefined;
    }
    return all.toSorted((one, other) => other.ver - one.ver);
  }

  async destroy(path: string, ver: number, deadline: Deadline): Promise<Receipt> {
    const reply = await this.#session.call(
      { route: 'destroySecret', body: () => canonicalize({ path, ver }), read: readReceiptAnswer },
      deadline,
    );
    return checkReceipt(reply, reply.value, { states: ['DESTROYED'] });
  }

  async share(path: string, options: ShareSecretOptions, deadline: Deadline): Promise<WrittenSecret> {
    const { isWriterAllowed } = options;
    using current = await this.read(path, { isWriterAllowed }, deadline);
    const { header, content, name, type, ver } = current;
    const readers = header.rcp.filter((entry) => entry.startsWith('k:')).map((entry) => entry.slice('k:'.length));
    const added = options.with.filter((reader) => !readers.includes(typeof reader === 'string' ? reader : reader.id));
    // What its first writer wanted about its end holds for the copy.
    const expiry = () => header.exp;
    // Awaited here: the content is erased when this function is left.
    return await this.#store({ path, content, name, type, to: [...readers, ...added], ver: ver + 1, expiry }, deadline);
  }

  /** Seals and stores; reader keys that were rotated since they were last fetched are fetched once more. */
  async #store(
    o: SecretContent &
      Pick<WriteSecretOptions, 'to'> & {
        readonly ver: number;
        readonly expiry: (iat: number) => number | undefined;
      },
    deadline: Deadline,
  ): Promise<WrittenSecret> {
    const { keysets, areFresh } = await this.#keysetsOf(o.to, deadline);
    try {
      return await this.#sealAndStore(o, keysets, deadline);
    } catch (error) {
      const isRotated = error instanceof LetterlockError && error.code === 'unknown_recipient';
      if (!isRotated || areFresh) throw error;
      const fetched = await Promise.all(
        o.to.map(async (to) => (typeof to === 'string' ? this.#identities.fetch(to, deadline) : to)),
      );
      return this.#sealAndStore(o, fetched, deadline);
    }
  }

  async #sealAndStore(
    o: SecretContent & { readonly ver: number; readonly expiry: (iat: number) => number | undefined },
    to: readonly Keyset[],
    deadline: Deadline,
  ): Promise<WrittenSecret> {
    const writer = this.#session.requireIdentity();
    const iat = await this.#session.serverSeconds(deadline);
    const { envelope, header, envelopeHash } = await sealSecret({ ...o, to, writer, iat, exp: o.expiry(iat) });
    const body = envelopeBody(envelope);
    const reply = await this.#session.call(
      { route: 'writeSecret', body: () => body, read: readReceiptAnswer },
      deadline,
    );
    const receipt = await checkReceipt(reply, reply.value, { id: header.id, eh: envelopeHash, states: ['STORED'] });
    this.#notice(header.path, header.ver);
    return { path: header.path, ver: header.ver, header, envelopeHash, receipt };
  }

  async #keysetsOf(
    readers: WriteSecretOptions['to'],
    deadline: Deadline,
  ): Promise<{ readonly keysets: readonly Keyset[]; readonly areFresh: boolean }> {
    const found = await Promise.all(
      readers.map(async (to) =>
        typeof to === 'string' ? this.#identities.current(to, deadline) : { keyset: to, isFresh: true },
      ),
    );
    return { keysets: found.map(({ keyset }) => keyset), areFresh: found.every(({ isFresh }) => isFresh) };
  }

  #notice(path: string, ver: number): void {
    if (ver > (this.#seen.get(path) ?? 0)) this.#seen.set(path, ver);
  }
}

/** The version that was asked for, or none below the highest that had been seen: else a rollback would pass silently. */
function checkVersion(
  { ver }: EnvelopeHeader,
  { asked, seen }: { readonly asked: number | undefined; readonly seen: number | undefined },
): void {
  if (asked !== undefined) {
    if (ver === asked) return;
    throw new IntegrityError('delivery_other_version', `Cannot accept version ${ver}: asked for was ${asked}`);
  }
  if (seen === undefined || ver >= seen) return;
  throw new IntegrityError(
    'secret_rollback',
    `Cannot accept version ${ver} as the latest: version ${seen} was seen before`,
  );
}

/** A secret before the folder of its name. */
function byKind(one: ListedSecret, other: ListedSecret): number {
  return Number(one.ver === undefined) - Number(other.ver === undefined);
}

function unpack(opened: OpenedDelivery, whole: SecretBytes): ReadSecret {
  const { name, type, content } = readContent(whole);
  const own = SecretBytes.copy(content);
  const { header, delivery, writer } = opened;
  return {
    content: own,
    name,
    type,
    ver: header.ver,
    header,
    delivery,
    writer,
    [Symbol.dispose]: () => own[Symbol.dispose](),
  };
}
