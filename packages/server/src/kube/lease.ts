/**
 * Leader election by a Lease: of several replicas one runs the controller.
 * It must never say that this replica leads after the time in which another may take over; two leaders for a moment are
 * harmless, since everything that a leader does can be done twice.
 * @module
 */
import type { Logger } from 'pino';
import { hasStatus } from './api-error.ts';
import { pathOf, type ApiClient } from './api-client.ts';
import { isRecord, readObject, type KubernetesObject } from './kubernetes-object.ts';

export interface LeaseOptions {
  readonly api: ApiClient;
  readonly namespace: string;
  readonly name: string;
  /** Name of this replica, such as its pod's. */
  readonly holder: string;
  readonly monotonicSeconds: () => number;
  readonly nowSeconds: () => number;
  /** How much longer this replica waits than another one would, seconds: one that knows little lets others lead. Default 0. */
  readonly courtesySeconds?: () => number;
  readonly log: Logger;
}

const durationSeconds = 15;
/** A leader that could not renew for so long stops; the rest of the duration is for clocks of other speeds. */
const renewWithinSeconds = 10;
export const leaseEveryMilliseconds = 3000;
const apiVersion = 'coordination.k8s.io/v1';

interface SeenLease {
  readonly resourceVersion: string;
  readonly holder: string;
  /** When this process first saw this version. */
  readonly sinceSeconds: number;
}

export class Lease {
  readonly #options: LeaseOptions;
  readonly #place: string;
  #renewedSeconds: number | undefined;
  #seen: SeenLease | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#place = pathOf({ apiVersion, resource: 'leases', namespace: options.namespace, name: options.name });
  }

  get isLeading(): boolean {
    if (this.#renewedSeconds === undefined) return false;
    return this.#options.monotonicSeconds() - this.#renewedSeconds < renewWithinSeconds;
  }

  /** Takes or keeps the lease if it can; call it every leaseEveryMilliseconds. @throws ApiError */
  async attempt(): Promise<void> {
    const { holder, monotonicSeconds, log } = this.#options;
    const wasLeading = this.isLeading;
    const askedSeconds = monotonicSeconds();
    const lease = await this.#read();
    const isTaken =
      lease === undefined ? await this.#write(undefined) : this.#mayTake(lease) && (await this.#write(lease));
    this.#renewedSeconds = isTaken ? askedSeconds : undefined;
    if (this.isLeading !== wasLeading) log.info({ holder, isLeading: this.isLeading }, 'Leadership changed');
  }

  /** Lets go, so that another replica need not wait. */
  async release(): Promise<void> {
    if (!this.isLeading) return;
    this.#renewedSeconds = undefined;
    try {
      const lease = await this.#read();
      if (lease !== undefined && holderOf(lease) === this.#options.holder) await this.#write(lease, '');
    } catch (error) {
      this.#options.log.debug({ error }, 'Could not release the lease');
    }
  }

  #mayTake(lease: KubernetesObject): boolean {
    const holder = holderOf(lease);
    const { resourceVersion } = lease.metadata;
    const courtesySeconds = this.isLeading ? 0 : (this.#options.courtesySeconds?.() ?? 0);
    const isFree = holder === '' || holder === this.#options.holder;
    if (isFree && courtesySeconds === 0) return true;
    const nowSeconds = this.#options.monotonicSeconds();
    // By our own clock since we saw it last change: the holder's clock may be wrong.
    if (this.#seen?.resourceVersion !== resourceVersion) {
      this.#seen = { resourceVersion, holder, sinceSeconds: nowSeconds };
    }
    return nowSeconds - this.#seen.sinceSeconds > (isFree ? 0 : durationSeconds) + courtesySeconds;
  }

  async #read(): Promise<KubernetesObject | undefined> {
    try {
      return readObject(await this.#options.api.ask({ method: 'GET', path: this.#place, timeoutSeconds: 5 }));
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** @returns false when another replica was faster */
  async #write(before: KubernetesObject | undefined, holder = this.#options.holder): Promise<boolean> {
    const { api, namespace, name, nowSeconds } = this.#options;
    const spec = before !== undefined && isRecord(before['spec']) ? before['spec'] : {};
    const time = new Date(nowSeconds() * 1000).toISOString().replace('Z', '000Z');
    const isNew = spec['holderIdentity'] !== holder;
    const object = {
      apiVersion,
      kind: 'Lease',
      metadata: {
        name,
        namespace,
        ...(before === undefined ? {} : { resourceVersion: before.metadata.resourceVersion }),
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: durationSeconds,
        acquireTime: isNew ? time : (spec['acquireTime'] ?? time),
        renewTime: time,
        leaseTransitions:
          (typeof spec['leaseTransitions'] === 'number' ? spec['leaseTransitions'] : 0) + (isNew ? 1 : 0),
      },
    };
    try {
      await (before === undefined
        ? api.ask({
            method: 'POST',
            path: pathOf({ apiVersion, resource: 'leases', namespace }),
            body: object,
            timeoutSeconds: 5,
          })
        : api.ask({ method: 'PUT', path: this.#place, body: object, timeoutSeconds: 5 }));
      return true;
    } catch (error) {
      if (hasStatus(error, 409)) return false;
      throw error;
    }
  }
}

function holderOf(lease: KubernetesObject): string {
  const holder = isRecord(lease['spec']) ? lease['spec']['holderIdentity'] : undefined;
  return typeof holder === 'string' ? holder : '';
}
