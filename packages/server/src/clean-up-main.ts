/**
 * The program of the chart's Job after `helm uninstall`. Its arguments are the names of the service's Secret and Lease.
 * It must never give up at the first refusal, since guards that Helm deleted hold a moment longer; nothing may import it.
 * @module
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { cleanUp } from './kube/clean-up.ts';
import { openKubernetesApi } from './kube/kubernetes-api.ts';

const tries = 60;
const pauseMilliseconds = 1000;

const [secret = '', lease = ''] = process.argv.slice(2);
const namespace = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8');
const api = openKubernetesApi('in-cluster');
for (let left = tries; left > 0; left -= 1) {
  try {
    const removed = await cleanUp({ api, namespace, secret, lease });
    process.stdout.write(`Took away what the service made: ${JSON.stringify(removed)}\n`);
    break;
  } catch (error) {
    process.stderr.write(`Cannot clean up: ${(error as Error).message}\n`);
    if (left === 1) process.exitCode = 1;
    else await pause(pauseMilliseconds);
  }
}
