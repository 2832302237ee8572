/**
 * Members of a pod that would let others into the agent's processes or network.
 * It must never be asked about a pod without an agent.
 * @module
 */
import type { Pod } from './pod.ts';

/** What each shares, in words for the message. */
const shared: Readonly<Record<string, string>> = {
  hostNetwork: "the node's network",
  hostPID: "the node's processes",
  hostIPC: "the node's shared memory",
  shareProcessNamespace: "the agent's process with all containers",
};

/** The first member that is set, and what it shares. */
export function faultOfNamespaces({ spec }: Pod): { readonly member: string; readonly shares: string } | undefined {
  const found = Object.entries(shared).find(([member]) => spec[member] === true);
  return found === undefined ? undefined : { member: found[0], shares: found[1] };
}
