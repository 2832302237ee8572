/**
 * A way to the direct listener that loses an answer when it is told to, as a network can: it sees TLS and no more.
 * It must never listen beyond this machine.
 * @module
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export class LosingProxy {
  readonly #open = new Set<Socket>();
  readonly #server = createServer((client) => this.#accept(client));
  #target = 0;
  #isLosing = false;
  #lost = 0;

  static async start(): Promise<LosingProxy> {
    const proxy = new LosingProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Answers that were lost. */
  get lost(): number {
    return this.#lost;
  }

  /** Where it leads to from now on. */
  leadTo(port: number): void {
    this.#target = port;
  }

  /** The next bytes back are lost, and their connection with them. */
  loseNext(): void {
    this.#isLosing = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const upstream = connect(this.#target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      this.#open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (bytes: Buffer) => {
      if (!this.#isLosing) {
        client.write(bytes);
        return;
      }
      this.#isLosing = false;
      this.#lost += 1;
      upstream.destroy();
    });
  }
}
