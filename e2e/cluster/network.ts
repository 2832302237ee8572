/**
 * Addresses of a cluster and its link to the machine: a pair of devices, one end inside, and routes to pods and Services.
 * It must never touch the machine's own rules or addresses: what it adds goes with the device.
 * @module
 */
import { runTool, succeeds } from './run-tool.ts';

/** Addresses of one cluster. Shape: all within 10.N.0.0/16, N by its slot. */
export interface Network {
  readonly slot: number;
  /** Device on the machine. */
  readonly device: string;
  readonly hostAddress: string;
  readonly nodeAddress: string;
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  /** The API server as a Service. */
  readonly apiService: string;
}

const firstSecondByte = 190;
const slots = 16;

/** Addresses of the slot. */
export function networkOf(slot: number): Network {
  const prefix = `10.${firstSecondByte + slot}`;
  return {
    slot,
    device: `letterlock${slot}`,
    hostAddress: `${prefix}.64.1`,
    nodeAddress: `${prefix}.64.2`,
    podSubnet: `${prefix}.0.0/24`,
    serviceSubnet: `${prefix}.128.0/17`,
    apiService: `${prefix}.128.1`,
  };
}

/** First slot whose addresses the machine's routes do not use. Shape of routes: `ip -4 route show table all`. @throws Error if there is none */
export function freeSlot(routes: string): number {
  const slot = Array.from({ length: slots }, (_, index) => index).find(
    (index) =>
      !routes.includes(` 10.${firstSecondByte + index}.`) &&
      !routes.match(new RegExp(`^10\\.${firstSecondByte + index}\\.`, 'm')),
  );
  if (slot === undefined) throw new Error(`Cannot make a network: all ${slots} subnets are in use`);
  return slot;
}

/** Links the namespaces of a process with the machine. */
export function linkNetwork(network: Network, pid: number): void {
  const { device, hostAddress, nodeAddress, podSubnet, serviceSubnet } = network;
  const ip = (words: string): string => runTool('ip', words.split(' '));
  ip(`link add ${device} type veth peer name eth0 netns ${pid}`);
  ip(`address add ${hostAddress}/30 dev ${device}`);
  ip(`link set ${device} up`);
  // A route needs the other end.
  const inside = (words: string): string =>
    runTool('nsenter', ['--target', `${pid}`, '--net', '--', 'ip', ...words.split(' ')]);
  inside('link set lo up');
  inside(`address add ${nodeAddress}/30 dev eth0`);
  inside('link set eth0 up');
  inside(`route add default via ${hostAddress}`);
  ip(`route add ${podSubnet} via ${nodeAddress}`);
  ip(`route add ${serviceSubnet} via ${nodeAddress}`);
}

/** Takes a free slot. */
export function chooseNetwork(): Network {
  return networkOf(freeSlot(runTool('ip', ['-4', 'route', 'show', 'table', 'all'])));
}

/** Removes the link; its routes go with it. */
export function unlinkNetwork({ device }: Network): void {
  if (succeeds('ip', ['link', 'show', 'dev', device])) succeeds('ip', ['link', 'delete', 'dev', device]);
}
