/**
 * What the agent keeps of secrets that open once, in the pod's own volume in memory: the claim of an opening before it is
 * sent, and the content before it is acknowledged. A start of the container after this one is served from here.
 * It must never be read by another user than the agent's, nor forget a claim before its opening is over.
 * @module
 */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { array, canonicalBytes, hash, identifier, object, optional, readClaims } from '@letterlock/protocol';
import { nameOf } from '../secret-store.ts';

const earlierStarts = 16;
/** Requests that may still have been answered when the next one is sent: windows are at most 15 minutes long. */
const requestsKept = 512;

/** An opening in progress, or one whose content is here and not yet acknowledged. */
const claim = object({
  /** Claim id. */
  cid: identifier,
  /** Keys of earlier starts of the container that had claims of the same wrap. */
  earlier: optional(array(hash, earlierStarts)),
  /** Id of the wrap. */
  id: identifier,
  /** Key that opens: of one start of the container. */
  reader: hash,
  /** Hashes of the requests that were sent, this one included. */
  sent: array(hash, requestsKept, 1),
});
export type Claim = ReturnType<typeof claim>;

/** A secret of the pod, by binding and name. */
export interface SecretName {
  readonly binding: string;
  readonly secret: string;
}
export interface PlacedContent extends SecretName {
  readonly wrap: string;
  readonly content: Uint8Array;
}

/** Reserved in the plan of files, so that no file of a secret can be here. */
const folderName = '.agent';
const folderMode = 0o700;
const fileMode = 0o600;
const claimSuffix = '.claim';
const contentSuffix = '.map';
/** `<secret>.<wrap id>.claim` and `.map`; no name of a secret has a dot. */
const fileName = /^([a-z0-9-]+)\.([A-Za-z0-9_-]{22})\.(claim|map)$/;

export class OnceFolder {
  readonly #root: string;

  /** @param volume - of the pod's secrets */
  constructor(volume: string) {
    this.#root = join(volume, folderName, 'once');
  }

  /** The claim is in the volume when this returns. */
  saveClaim(name: SecretName, given: Claim): void {
    const { cid, id, reader, sent, earlier = [] } = given;
    const bytes = canonicalBytes({
      cid,
      ...(earlier.length === 0 ? {} : { earlier: earlier.slice(-earlierStarts) }),
      id,
      reader,
      sent: sent.slice(-requestsKept),
    });
    this.#write(name, `${name.secret}.${id}${claimSuffix}`, bytes);
  }

  /** Undefined also for one that cannot be read. */
  claimOf(name: SecretName, wrap: string): Claim | undefined {
    try {
      const found = readClaims(claim, readFileSync(this.#path(name, wrap, claimSuffix)));
      return found.id === wrap ? found : undefined;
    } catch {
      return undefined;
    }
  }

  forgetClaim(name: SecretName, wrap: string): void {
    rmSync(this.#path(name, wrap, claimSuffix), { force: true });
  }

  /** The content is in the volume when this returns; that of an earlier wrap of the secret is gone. */
  place({ binding, secret, wrap, content }: PlacedContent): void {
    const name = { binding, secret };
    this.#write(name, `${secret}.${wrap}${contentSuffix}`, content);
    for (const file of this.#filesOf(name)) if (file.wrap !== wrap) rmSync(file.path, { force: true });
  }

  /** Everything that was placed, by this start of the container or an earlier one; the newest of each secret. */
  placed(): readonly PlacedContent[] {
    const newest = new Map<string, { readonly found: PlacedContent; readonly atMilliseconds: number }>();
    for (const binding of this.#bindings()) {
      for (const { path, secret, wrap, kind } of this.#filesOf({ binding })) {
        if (kind !== 'map') continue;
        const atMilliseconds = statSync(path).mtimeMs;
        const name = nameOf({ binding, secret });
        if ((newest.get(name)?.atMilliseconds ?? 0) > atMilliseconds) continue;
        newest.set(name, { found: { binding, secret, wrap, content: readFileSync(path) }, atMilliseconds });
      }
    }
    return [...newest.values()].map(({ found }) => found);
  }

  #bindings(): readonly string[] {
    try {
      return readdirSync(this.#root);
    } catch {
      return [];
    }
  }

  #filesOf({ binding, secret }: { readonly binding: string; readonly secret?: string }) {
    const folder = join(this.#root, binding);
    return readdirSync(folder).flatMap((file) => {
      const [, of, wrap, kind] = fileName.exec(file) ?? [];
      if (of === undefined || (secret !== undefined && of !== secret)) return [];
      return [{ path: join(folder, file), secret: of, wrap: wrap!, kind: kind! }];
    });
  }

  #path({ binding, secret }: SecretName, wrap: string, suffix: string): string {
    return join(this.#root, binding, `${secret}.${wrap}${suffix}`);
  }

  /** New and then renamed: a reader finds all of it or nothing. */
  #write({ binding }: SecretName, file: string, bytes: Uint8Array): void {
    const folder = join(this.#root, binding);
    mkdirSync(folder, { recursive: true, mode: folderMode });
    const fresh = join(folder, `..next-${file}`);
    rmSync(fresh, { force: true });
    const opened = openSync(fresh, 'wx', fileMode);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(opened, bytes, at);
      fsyncSync(opened);
    } finally {
      closeSync(opened);
    }
    renameSync(fresh, join(folder, file));
    // The folders' modes do not depend on the process's mask.
    chmodSync(folder, folderMode);
  }
}
