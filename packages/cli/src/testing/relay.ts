/**
 * A TCP relay between the program and the service: it can hold or drop what passes.
 * It must never decrypt: what it knows is only when bytes move.
 * @module
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What happens to bytes of a client: passed on, passed on without any answer from then on, or kept back. */
export type Verdict = 'pass' | 'pass-without-answer' | 'hold';

export class Relay {
  /** Port of the service. */
  targetPort = 0;
  /** Asked for each piece that a client sends. */
  judge: () => Verdict = () => 'pass';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (client) => this.#relay(client));
  }

  static async listen(): Promise<Relay> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new Relay(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections; new ones are still taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #relay(client: Socket): void {
    const service = connect(this.targetPort, '127.0.0.1');
    let isAnswering = true;
    for (const socket of [client, service]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        service.destroy();
      });
    }
    client.on('data', (chunk) => {
      const verdict = this.judge();
      if (verdict === 'hold') return;
      if (verdict === 'pass-without-answer') isAnswering = false;
      service.write(chunk);
    });
    service.on('data', (chunk) => {
      if (isAnswering) client.write(chunk);
    });
  }
}

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  const relay = await Relay.listen();
  const { port } = relay;
  relay.close();
  return port;
}
