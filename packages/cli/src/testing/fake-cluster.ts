/**
 * A cluster for tests of `kubectl letterlock`: answers kubectl's words from objects, as a function and as a program for PATH.
 * It must never answer words that the test did not foresee with success.
 * @module
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kubectl, KubectlOutcome } from '../kubernetes/kubectl.ts';
import { guardNames } from '../kubernetes/diagnose-cluster.ts';

/** What the cluster holds; a missing kind is one that it does not know. */
export interface FakeCluster {
  /** Resource, as it is asked for → objects. */
  readonly objects: Readonly<Record<string, readonly object[]>>;
  /** Answer to a dry run of a pod. */
  readonly trial: KubectlOutcome;
  /** Answer to a request for a token. */
  readonly token: KubectlOutcome;
  /** Path of the API server → what it answers. Default none. */
  readonly documents?: Readonly<Record<string, unknown>>;
  /** Pod → lines of its log. Default none. */
  readonly logs?: Readonly<Record<string, string>>;
}

const ok = (stdout: string): KubectlOutcome => ({ isOk: true, stdout, stderr: '' });
const failed = (stderr: string): KubectlOutcome => ({ isOk: false, stdout: '', stderr });

export const refusedToken = failed("error: ValidatingAdmissionPolicy 'letterlock-token' denied request: only kubelets");
export const injectedTrial = ok('{"spec":{"initContainers":[{"name": "letterlock-agent"}]}}');
export const mintedToken = ok('eyJhbGciOi');
/** A trial that no webhook answered. */
export const unreachableTrial = failed('Error from server (InternalError): failed calling webhook "pod.injector"');
export const uninitialisedTrial = failed('admission webhook denied the request: letterlock.dev: uninitialised: …');
export const untouchedTrial = ok('{"spec":{}}');

export function metadata(name: string, more: object = {}): object {
  return { metadata: { name, ...more } };
}

export const serverDigest = `sha256:${'5e'.repeat(32)}`;

/** A pod of the server, Ready. */
export function serverPodObject(name: string) {
  return {
    metadata: {
      name,
      namespace: 'll',
      uid: `uid-of-${name}`,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'letterlock-server', controller: true }],
    },
    spec: { serviceAccountName: 'letterlock-server' },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        {
          name: 'server',
          ready: true,
          restartCount: 0,
          imageID: `registry.example/letterlock-server@${serverDigest}`,
          state: { running: {} },
        },
      ],
    },
  };
}

/** An installation without a fault. Shape of nowSeconds: when the leases were renewed. */
export function soundCluster(nowSeconds: number): FakeCluster {
  const renewTime = new Date(nowSeconds * 1000).toISOString();
  return {
    objects: {
      statefulsets: [
        {
          ...metadata('letterlock-server', { namespace: 'll', labels: { 'letterlock.dev/mode': 'transient' } }),
          spec: {
            replicas: 1,
            template: {
              spec: { serviceAccountName: 'letterlock-server', containers: [{ image: 'letterlock-server:1' }] },
            },
          },
          status: { readyReplicas: 1 },
        },
      ],
      pods: [serverPodObject('letterlock-server-0')],
      mutatingwebhookconfigurations: [
        { ...metadata('letterlock-injector'), webhooks: [{ failurePolicy: 'Fail', clientConfig: { caBundle: 'x' } }] },
      ],
      validatingadmissionpolicies: guardNames.map((guard) => ({
        ...metadata(`letterlock-${guard}`),
        spec: { failurePolicy: 'Fail' },
      })),
      validatingadmissionpolicybindings: guardNames.map((guard) => ({
        ...metadata(`letterlock-${guard}`),
        spec: { policyName: `letterlock-${guard}`, validationActions: ['Deny'] },
      })),
      events: [],
      leases: [{ ...metadata('node-1'), spec: { renewTime } }],
      namespaces: [metadata('shop', { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } })],
      'secretbindings.letterlock.dev': [metadata('orders-db', { namespace: 'shop' })],
    },
    trial: injectedTrial,
    token: refusedToken,
  };
}

/** It as a function. */
export function fakeKubectl({ objects, trial, token, documents = {}, logs = {} }: FakeCluster): Kubectl {
  return async ([verb = '', resource = '', ...rest]) => {
    const told = verb === 'logs' ? logs[resource] : undefined;
    if (told !== undefined) return ok(told);
    const document = resource === '--raw' ? documents[rest[0] ?? ''] : undefined;
    if (document !== undefined) return ok(JSON.stringify(document));
    if (verb === 'create' && resource === 'token') return token;
    if (verb === 'create') return trial;
    const items = objects[resource];
    if (verb !== 'get' || items === undefined)
      return failed(`error: the server doesn't have a resource type "${resource}"`);
    const [name = '-'] = rest;
    if (name.startsWith('-')) return ok(JSON.stringify({ items }));
    const found = (items as readonly { readonly metadata: { readonly name: string } }[]).find(
      (item) => item.metadata.name === name,
    );
    return found === undefined ? failed('Error from server (NotFound)') : ok(JSON.stringify(found));
  };
}

/** Puts a program `kubectl` into a folder, which answers `get` from the objects and keeps the words that it was given. */
export function writeFakeKubectl(folder: string, { objects, documents = {} }: FakeCluster): { readonly words: string } {
  mkdirSync(folder, { recursive: true });
  const words = join(folder, 'words.txt');
  const program = `#!${process.execPath}
const words = process.argv.slice(2).filter((word) => !/^--(?:context|kubeconfig)=/.test(word));
require('node:fs').appendFileSync(${JSON.stringify(words)}, process.argv.slice(2).join(' ') + '\\n');
const objects = ${JSON.stringify(objects)};
const document = words[1] === '--raw' ? ${JSON.stringify(documents)}[words[2]] : undefined;
if (document !== undefined) {
  console.log(JSON.stringify(document));
  process.exit(0);
}
const items = objects[words[1]];
if (words[0] !== 'get' || items === undefined) {
  console.error("error: the server doesn't have a resource type");
  process.exit(1);
}
const named = words[2].startsWith('-') ? { items } : items.find((item) => item.metadata.name === words[2]);
if (named === undefined) process.exit(1);
console.log(JSON.stringify(named));
`;
  const file = join(folder, 'kubectl');
  writeFileSync(file, program);
  chmodSync(file, 0o755);
  return { words };
}
