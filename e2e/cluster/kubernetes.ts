/**
 * Asks a cluster about its state with its own kubectl, and waits for what must become true.
 * It must never wait without a deadline.
 * @module
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { nodeName } from './certificates.ts';
import { kubeconfigOf, type Cluster } from './cluster.ts';
import { runTool, succeeds } from './run-tool.ts';

/** Runs kubectl as the cluster's administrator. @returns its standard output */
export function kubectl(cluster: Cluster, words: readonly string[], input?: string): string {
  const all = [`--kubeconfig=${kubeconfigOf(cluster)}`, ...words];
  return runTool(join(cluster.programs.folder, 'kubectl'), all, input === undefined ? {} : { input });
}

/** Whether the API server answers that it is ready. */
export async function isApiReady({ network, folder }: Cluster): Promise<boolean> {
  const ca = readFileSync(join(folder, 'pki/ca.crt'));
  return new Promise((resolve) => {
    request({ host: network.nodeAddress, port: 6443, path: '/readyz', ca, agent: false, timeout: 2000 })
      .once('response', (response) => resolve(response.resume().statusCode === 200))
      .once('timeout', function giveUp(this: { destroy(): void }) {
        this.destroy();
      })
      .once('error', () => resolve(false))
      .end();
  });
}

/** Whether pods can be made and run. */
export function isNodeReady(cluster: Cluster): boolean {
  const asks = (words: string): boolean =>
    succeeds(join(cluster.programs.folder, 'kubectl'), [`--kubeconfig=${kubeconfigOf(cluster)}`, ...words.split(' ')]);
  return asks(`wait --for=condition=Ready --timeout=1s node/${nodeName}`) && asks('get serviceaccount default');
}

export interface WaitOptions {
  /** What is waited for, as in "Cannot boot: … in 60 s". */
  readonly what: string;
  readonly seconds: number;
  readonly everyMilliseconds?: number;
}

/** Asks again and again. @throws Error when it is still not so after the given time */
export async function waitUntil(isSo: () => boolean | Promise<boolean>, options: WaitOptions): Promise<void> {
  const deadline = Date.now() + options.seconds * 1000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`Cannot go on: ${options.what} in ${options.seconds} s`);
    await pause(options.everyMilliseconds ?? 100);
  }
}
