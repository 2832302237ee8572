/**
 * Real etcd servers and the store upon them, for tests alone.
 * @module
 */
export { EtcdStore } from './etcd/etcd-store.ts';
export { buildMilliseconds, EtcdServer, etcdProgram, freePort } from './etcd/testing/etcd-server.ts';
