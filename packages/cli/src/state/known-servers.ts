/**
 * The pins of servers: which instance key answers at which address, and the commitments of this admin's shares.
 * It must never replace a pin by itself: a changed key is the alarm.
 * @module
 */
import { join } from 'node:path';
import { isClusterPin, type ClusterPin } from './cluster-pin.ts';
import { isRecordOf, readJsonFile, writeJsonFile } from './json-file.ts';

/** Commitment of one admin's share; the pin of it is what stops a substituted seal configuration. */
export interface SharePin {
  /** Id of the installation, 22 characters. */
  readonly instance: string;
  readonly generation: number;
  /** 43 characters. */
  readonly commitment: string;
  /** Boot fingerprint of the process that was seen, verified, when the share was checked. */
  readonly boot: string;
}

export interface KnownServer {
  /** Thumbprint of the instance key. */
  readonly fingerprint: string;
  /** Id of the installation, 22 characters. */
  readonly instance: string;
  readonly trustDomain: string;
  /** Seconds. */
  readonly pinnedAt: number;
  /** PEM of what the server presented when it was pinned: what `curl --cacert` takes. */
  readonly certificates?: readonly string[];
  /** Admin id → pin. */
  readonly shares?: Readonly<Record<string, SharePin>>;
  /** Thumbprints of the static identities that may attest its processes; absent: none was met. */
  readonly bootIdentities?: readonly string[];
  /** The cluster that attests its processes; absent: none is pinned. */
  readonly cluster?: ClusterPin;
}

const thumbprint = /^[A-Za-z0-9_-]{43}$/;

export type KnownServers = Readonly<Record<string, KnownServer>>;

/** Origin → pin, in `known-servers.json`. */
export class KnownServersFile {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'known-servers.json');
  }

  all(): KnownServers {
    return readJsonFile(this.path, isKnownServers) ?? {};
  }

  find(origin: string): KnownServer | undefined {
    const all = this.all();
    return Object.hasOwn(all, origin) ? all[origin] : undefined;
  }

  put(origin: string, server: KnownServer): void {
    writeJsonFile(this.path, { ...this.all(), [origin]: server });
  }

  /** @returns whether there was one. */
  remove(origin: string): boolean {
    const { [origin]: removed, ...rest } = this.all();
    if (removed === undefined) return false;
    writeJsonFile(this.path, rest);
    return true;
  }

  pinShare(origin: string, adminId: string, pin: SharePin): void {
    const server = this.find(origin);
    if (server === undefined) throw new TypeError('Cannot pin a share: the server is not pinned');
    this.put(origin, { ...server, shares: { ...server.shares, [adminId]: pin } });
  }
}

function isKnownServers(value: unknown): value is KnownServers {
  return isRecordOf(value, isKnownServer);
}

function isKnownServer(value: unknown): value is KnownServer {
  const server = value as Partial<Record<keyof KnownServer, unknown>> | null;
  return (
    typeof server === 'object' &&
    server !== null &&
    typeof server.fingerprint === 'string' &&
    thumbprint.test(server.fingerprint) &&
    typeof server.instance === 'string' &&
    typeof server.trustDomain === 'string' &&
    typeof server.pinnedAt === 'number' &&
    (server.certificates === undefined ||
      (Array.isArray(server.certificates) && server.certificates.every((pem) => typeof pem === 'string'))) &&
    (server.bootIdentities === undefined ||
      (Array.isArray(server.bootIdentities) && server.bootIdentities.every((text) => thumbprint.test(text)))) &&
    (server.cluster === undefined || isClusterPin(server.cluster)) &&
    (server.shares === undefined || isRecordOf(server.shares, isSharePin))
  );
}

function isSharePin(value: unknown): value is SharePin {
  const pin = value as Partial<Record<keyof SharePin, unknown>> | null;
  return (
    typeof pin === 'object' &&
    pin !== null &&
    typeof pin.instance === 'string' &&
    Number.isInteger(pin.generation) &&
    typeof pin.commitment === 'string' &&
    typeof pin.boot === 'string'
  );
}
