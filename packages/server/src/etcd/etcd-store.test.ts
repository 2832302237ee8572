import { afterAll, beforeAll } from '@jest/globals';
import { describeStoreContract, FaultyStore } from '@letterlock/core/testing';
import { EtcdStore } from './etcd-store.ts';
import { buildMilliseconds, EtcdServer } from './testing/etcd-server.ts';

let server: EtcdServer;
let store: EtcdStore;

beforeAll(async () => {
  server = await EtcdServer.start();
  store = new EtcdStore({ endpoints: [server.endpoint], credentials: server.credentials, prefix: 'letterlock/' });
}, buildMilliseconds);
afterAll(async () => {
  store.close();
  await server.close();
});

describeStoreContract('EtcdStore', async () => store);
describeStoreContract('FaultyStore without faults over EtcdStore', async () => new FaultyStore(store));
