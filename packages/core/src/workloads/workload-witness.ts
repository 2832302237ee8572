/**
 * The port to the API server as a witness of workloads: it reviews tokens and shows pods as they are now.
 * It must never answer from a cache, nor judge what it shows.
 * @module
 */
import type { TokenReviewer } from '../proof/token-review.ts';

export interface WorkloadWitness extends TokenReviewer {
  /** A pod by a live GET, as JSON; undefined when there is none. @throws 'unavailable' */
  readPod(namespace: string, name: string): Promise<unknown>;
}
