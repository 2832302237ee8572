/**
 * A TCP proxy on loopback that strikes what comes back: lost, twice, late, or cut in the middle of a long answer.
 * It must never end TLS: it sees ciphertext only, so that what is done to it is what a network can do.
 * @module
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * `drop`: the next bytes back are lost, with their connection. `duplicate`: they arrive twice, which TLS notices.
 * `delay`: they and all behind them arrive later.
 */
export type ProxyFault = 'drop' | 'duplicate' | 'delay';

interface Passage {
  readonly client: Socket;
  readonly upstream: Socket;
  armed: ProxyFault | undefined;
  /** Bytes back since the last bytes forth. */
  answered: number;
}

interface Cut {
  readonly afterBytes: number;
  readonly onCut: () => void;
}

const delayMilliseconds = 700;

export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #passages = new Set<Passage>();
  #cut: Cut | undefined;
  #hits = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Answers that were struck so far. */
  get hits(): number {
    return this.#hits;
  }

  /** Strikes the next answer on every connection that is open now. */
  strike(fault: ProxyFault): void {
    for (const passage of this.#passages) passage.armed = fault;
  }

  /** Cuts the first answer that is longer than this, after so many bytes of it. */
  cutLongAnswer(afterBytes: number, onCut: () => void): void {
    this.#cut = { afterBytes, onCut };
  }

  async close(): Promise<void> {
    for (const { client, upstream } of this.#passages) {
      client.destroy();
      upstream.destroy();
    }
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const upstream = connect(this.#targetPort, '127.0.0.1');
    const passage: Passage = { client, upstream, armed: undefined, answered: 0 };
    this.#passages.add(passage);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#passages.delete(passage);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes: Buffer) => {
      passage.answered = 0;
      upstream.write(bytes);
    });
    upstream.on('data', (bytes: Buffer) => this.#back(passage, bytes));
  }

  #back(passage: Passage, bytes: Buffer): void {
    const { client, upstream, armed } = passage;
    passage.answered += bytes.length;
    const cut = this.#cut;
    if (cut !== undefined && passage.answered > cut.afterBytes) {
      this.#cut = undefined;
      cut.onCut();
      client.destroy();
      return;
    }
    passage.armed = undefined;
    if (armed !== undefined) this.#hits += 1;
    if (armed === 'drop') client.destroy();
    else if (armed === 'delay') {
      upstream.pause();
      setTimeout(() => {
        if (!client.destroyed) client.write(bytes);
        upstream.resume();
      }, delayMilliseconds);
    } else if (!client.destroyed) client.write(armed === 'duplicate' ? Buffer.concat([bytes, bytes]) : bytes);
  }
}
