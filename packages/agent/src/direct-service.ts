/**
 * What the agent asks on the direct listener, through the SDK: its certificate, and the key of a binding.
 * It must never talk to a server whose signed state is not by the instance key of the ConfigMap.
 * @module
 */
import { LetterlockClient, type Identity } from '@letterlock/client';
import type { Issuer } from './membership.ts';
import type { Trust } from './trust-folder.ts';
import type { BindingKeySource } from './write-secret.ts';

export interface DirectServiceOptions {
  /** `https://host:port` */
  readonly origin: string;
  readonly identity: Identity;
}

const callMilliseconds = 15_000;

/** One attempt each: what is tried again is decided where the reason is told. */
export function createDirectService(o: DirectServiceOptions): Issuer & BindingKeySource {
  const withClient = async <T>(trust: Trust, use: (client: LetterlockClient) => Promise<T>): Promise<T> => {
    using client = new LetterlockClient({
      address: o.origin,
      trust: { pinned: trust.instanceKey.thumbprint },
      identity: o.identity,
      attempts: 1,
    });
    return await use(client);
  };
  return {
    enrol: (trust, token, signal) =>
      withClient(trust, async (client) => {
        const { chain } = await client.enrol(token, { signal, timeoutMilliseconds: callMilliseconds });
        return chain;
      }),
    bindingKey: (trust, binding, signal) =>
      withClient(trust, (client) => client.bindingKey(binding, { signal, timeoutMilliseconds: callMilliseconds })),
  };
}
