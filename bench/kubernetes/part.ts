/**
 * What a part of `make bench-kubernetes` is given, and what it says of itself.
 * It must never judge: a part prints figures, and fails only when it could not measure.
 * @module
 */
import type { BenchCluster } from './bench-cluster.ts';

export interface PartOptions {
  /** For each row of a load, after `warmUpSeconds` that do not count. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** How many of each kind, for what is counted one by one. */
  readonly pods: number;
  readonly bindings: number;
  readonly print: (line: string) => void;
  /** The service on a real cluster: booted when the first part asks for it. */
  readonly cluster: () => Promise<BenchCluster>;
}

export interface Part {
  /** For the list of parts. */
  readonly what: string;
  readonly run: (options: PartOptions) => Promise<void>;
}
