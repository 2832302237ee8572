/**
 * A byte proxy on loopback that cuts each connection in the middle of a large answer, until it is repaired.
 * It must never end TLS: it sees ciphertext only.
 * @module
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Connections that were cut so far. */
  readonly cuts: number;
  /** From now on nothing is cut. */
  repair(): void;
  close(): Promise<void>;
}

/** @param afterBytes - an answer is cut once so many bytes went back to the client. */
export async function startCuttingProxy(options: {
  readonly port: number;
  readonly to: number;
  readonly afterBytes: number;
  /** Called when the first answer is cut, before its client learns it. */
  readonly onCut?: () => void;
}): Promise<CuttingProxy> {
  let cuts = 0;
  let isBroken = true;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(options.to, '127.0.0.1');
    let returned = 0;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      returned += bytes.length;
      if (!isBroken || returned < options.afterBytes) client.write(bytes);
      else if (!client.destroyed) {
        cuts += 1;
        if (cuts === 1) options.onCut?.();
        client.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port, '127.0.0.1', resolve));
  return {
    port: options.port,
    get cuts() {
      return cuts;
    },
    repair: () => {
      isBroken = false;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
