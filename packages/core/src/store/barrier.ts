/**
 * The barrier port: what stands between decisions and the store, so that keys hold no names and values no clear text.
 * It must never be called with a store key: it takes logical paths.
 * @module
 */
export interface Barrier {
  /** Store key of a logical path: `sys/…` literal, all other segments HMACed one by one. */
  keyOf(path: string): string;
  /** Encrypts one record, bound to its path. */
  seal(path: string, plaintext: Uint8Array): Uint8Array;
  /** Decrypts one record. @throws 'internal' (reason storage_integrity) if it was changed or belongs to another path. */
  open(path: string, record: Uint8Array): Uint8Array;
}
