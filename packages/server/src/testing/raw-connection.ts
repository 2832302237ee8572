/**
 * A TLS connection that sends whatever bytes a test says and reads HTTP answers: for what no HTTP library would send.
 * It must never repair what it is told to send.
 * @module
 */
import { once } from 'node:events';
import type { TcpSocketConnectOpts } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

export type RawConnectionOptions = ConnectionOptions & Partial<Pick<TcpSocketConnectOpts, 'localAddress'>>;

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; a repeated field keeps its last value. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const endOfHead = '\r\n\r\n';

export class RawConnection {
  readonly socket: TLSSocket;
  #received = Buffer.alloc(0);
  #isEnded = false;
  #wake = Promise.withResolvers<void>();

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake.resolve();
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#wake.resolve();
    };
    socket.on('close', end);
    socket.on('error', end);
  }

  /** Connects and finishes the handshake. @throws the TLS error */
  static async open(port: number, options: RawConnectionOptions = {}): Promise<RawConnection> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...options,
    });
    await once(socket, 'secureConnect');
    return new RawConnection(socket);
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** The next answer. @throws when the connection ends before it is complete */
  async receive(isHead = false): Promise<RawAnswer> {
    for (;;) {
      const answer = this.#parse(isHead);
      if (answer !== undefined) return answer;
      if (this.#isEnded) throw new Error('The connection ended without an answer');
      await this.#more();
    }
  }

  /** Waits until the other end has closed. */
  async closed(): Promise<void> {
    while (!this.#isEnded) await this.#more();
  }

  close(): void {
    this.socket.destroy();
  }

  async #more(): Promise<void> {
    await this.#wake.promise;
    if (!this.#isEnded) this.#wake = Promise.withResolvers<void>();
  }

  #parse(isHead: boolean): RawAnswer | undefined {
    const headEnd = this.#received.indexOf(endOfHead);
    if (headEnd === -1) return undefined;
    const [statusLine = '', ...lines] = this.#received.subarray(0, headEnd).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(statusLine.split(' ')[1]);
    const start = headEnd + endOfHead.length;
    // RFC 9110 §15.2: an interim answer is no answer.
    if (status < 200) {
      this.#received = this.#received.subarray(start);
      return this.#parse(isHead);
    }
    const end = start + (isHead ? 0 : Number(headers['content-length'] ?? 0));
    if (this.#received.length < end) return undefined;
    const body = this.#received.subarray(start, end).toString('utf8');
    this.#received = this.#received.subarray(end);
    return { status, headers, body };
  }
}
