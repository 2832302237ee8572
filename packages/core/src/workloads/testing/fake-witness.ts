/**
 * An API server for tests: knows tokens and pods, and shows what it was told last.
 * It must never be used outside tests.
 * @module
 */
import { ProblemError } from '@letterlock/protocol';
import { FakeTokenReviewer } from '../../proof/testing/token-reviews.ts';
import type { WorkloadWitness } from '../workload-witness.ts';

export class FakeWitness extends FakeTokenReviewer implements WorkloadWitness {
  /** By `<namespace>/<name>`. */
  readonly pods = new Map<string, unknown>();

  readPod(namespace: string, name: string): Promise<unknown> {
    if (this.isAway) return Promise.reject(new ProblemError('unavailable', { reason: 'api_server' }));
    return Promise.resolve(this.pods.get(`${namespace}/${name}`));
  }
}
