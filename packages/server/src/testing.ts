/**
 * Real etcd servers and the store upon them, and what is relied on of Kubernetes, for tests alone.
 * @module
 */
export { EtcdStore } from './etcd/etcd-store.ts';
export { buildMilliseconds, EtcdServer, etcdProgram, freePort } from './etcd/testing/etcd-server.ts';
export { openKubernetesApi as createApiClientOf } from './kube/kubernetes-api.ts';
export { kubeContract } from './kube/testing/kube-contract.ts';
