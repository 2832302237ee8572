/**
 * What the TLS connection says about the other end: exporter value, client key, address; each computed once.
 * It must never take any of these from a header.
 * @module
 */
import type { KeyObject } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Channel } from '@letterlock/core';
import { channelBinding } from '@letterlock/protocol';

/** Key policy of the service for public keys. @throws when the key is not acceptable */
export type ReadPublicKey = (publicKey: KeyObject) => NonNullable<Channel['clientKey']>;

const noContext = Buffer.alloc(0);

/** One connection of the direct listener. */
export class Connection implements Channel {
  readonly listener = 'direct';
  readonly remoteAddress: string;
  /** Requests that are not yet answered. */
  requests = 0;
  readonly #socket: TLSSocket;
  readonly #readPublicKey: ReadPublicKey;
  #exporter: string | undefined;
  #clientKey: Channel['clientKey'] | null = null;
  #servedThumbprint: string | undefined;

  constructor(socket: TLSSocket, readPublicKey: ReadPublicKey) {
    this.#socket = socket;
    this.#readPublicKey = readPublicKey;
    this.remoteAddress = socket.remoteAddress ?? '';
  }

  /** @source RFC 9266 §4.2 */
  get exporter(): string {
    this.#exporter ??= this.#socket
      .exportKeyingMaterial(channelBinding.lengthBytes, channelBinding.label, noContext)
      .toString('base64url');
    return this.#exporter;
  }

  /** Key of the client's certificate, whose names, issuer and dates are ignored; undefined also for a key outside the policy. */
  get clientKey(): Channel['clientKey'] {
    if (this.#clientKey === null) this.#clientKey = this.#readClientKey();
    return this.#clientKey;
  }

  /** Thumbprint of the key that this connection's server certificate has: after a reload it may differ from the newest. */
  get servedThumbprint(): string {
    this.#servedThumbprint ??= this.#readPublicKey(this.#socket.getX509Certificate()!.publicKey).thumbprint;
    return this.#servedThumbprint;
  }

  #readClientKey(): Channel['clientKey'] {
    const certificate = this.#socket.getPeerX509Certificate();
    if (certificate === undefined) return undefined;
    try {
      return this.#readPublicKey(certificate.publicKey);
    } catch {
      return undefined;
    }
  }
}
