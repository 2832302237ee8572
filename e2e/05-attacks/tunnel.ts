/**
 * Connections that come from inside a pod: a port of this process, which leads through `kubectl exec` and `nc` to the service.
 * It must never look into what it carries: TLS is between the two ends.
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { World } from '../run/world.ts';
import { serviceNamespace } from './names.ts';

/** A container that has `nc`. */
export interface Place {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface Tunnel extends Disposable {
  /** On `localhost`. */
  readonly port: number;
}

/** @param port - of the Service */
export async function openTunnel(world: World, { namespace, pod, container }: Place, port: number): Promise<Tunnel> {
  const address = world.kubectl(`-n ${serviceNamespace} get service letterlock -o jsonpath={.spec.clusterIP}`);
  const words = ['-n', namespace, 'exec', '-i', pod, '-c', container, '--', 'nc', address, String(port)];
  const children = new Set<ChildProcess>();
  const server = createServer((socket) => {
    const child = world.startKubectl(words);
    children.add(child);
    const end = (): void => {
      children.delete(child);
      child.kill();
      socket.destroy();
    };
    child.once('error', end);
    child.once('close', end);
    socket.once('error', end);
    socket.once('close', end);
    child.stdin.on('error', end);
    child.stderr.resume();
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]: () => {
      server.close();
      for (const child of children) child.kill();
    },
  };
}
