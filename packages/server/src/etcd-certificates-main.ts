/**
 * The program of the chart's Job: fills the Secrets of the bundled etcd. Its arguments are the members' host names.
 * It must never print what it makes, and nothing may import it.
 * @module
 */
import { readFileSync } from 'node:fs';
import { fillEtcdSecrets } from './etcd-certificates.ts';
import { openKubernetesApi } from './kube/kubernetes-api.ts';
import { systemClock } from './system-clock.ts';

const namespace = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8');
try {
  const isFilled = await fillEtcdSecrets({
    api: openKubernetesApi('in-cluster'),
    namespace,
    hosts: process.argv.slice(2),
    nowSeconds: systemClock.nowSeconds(),
  });
  process.stdout.write(isFilled ? 'Made the certificates of etcd\n' : 'The certificates of etcd are there\n');
} catch (error) {
  process.stderr.write(`Cannot make the certificates of etcd: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
