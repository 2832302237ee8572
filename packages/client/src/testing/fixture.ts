/**
 * A fake service with a writer and a reader that it knows.
 * @module
 */
import { generateSigningKey } from '@letterlock/crypto';
import { LetterlockClient, type ClientOptions } from '../client.ts';
import { createIdentity, type Identity } from '../identity.ts';
import { FakeService } from './fake-service.ts';

export interface Fixture {
  readonly service: FakeService;
  readonly alice: Identity;
  readonly bob: Identity;
  /** A client that pins the service and does not pause between attempts. */
  client(identity: Identity, options?: Partial<ClientOptions>): LetterlockClient;
  close(): Promise<void>;
}

/** Starts a fake service; `client` closes with it. */
export async function startFixture(): Promise<Fixture> {
  const service = await FakeService.start(generateSigningKey());
  const [alice, bob] = [createIdentity({ name: 'alice' }), createIdentity({ name: 'bob' })];
  for (const { id, keyset } of [alice, bob]) service.keysets.set(id, keyset!);
  const clients: LetterlockClient[] = [];
  return {
    service,
    alice,
    bob,
    client: (identity, options = {}) => {
      const client = new LetterlockClient({
        address: service.address,
        trust: { pinned: service.fingerprint },
        identity,
        now: () => service.dateSeconds,
        retryDelayMilliseconds: 0,
        ...options,
      });
      clients.push(client);
      return client;
    },
    close: async () => {
      for (const client of clients) client.close();
      await service.close();
    },
  };
}
