/**
 * A caller with a key: signs a proof for each request on one connection, and keeps the next nonce.
 * It must never be used for anything but tests: it trusts any server.
 * @module
 */
import { createProof, hash43, type SigningKey } from '@letterlock/crypto';
import { canonicalize, channelBinding, type JcsObject } from '@letterlock/protocol';
import { RawConnection, type RawAnswer, type RawConnectionOptions } from './raw-connection.ts';

export interface TestRequest {
  readonly method: string;
  readonly path: string;
  /** A document, or bytes as they are. */
  readonly body?: object | Uint8Array | string;
  /** Further headers, or other values of the usual ones; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Changes what the proof says. */
  readonly proof?: Partial<Parameters<typeof createProof>[0]>;
}

export class TestClient {
  readonly connection: RawConnection;
  readonly #origin: string;
  nonce = '';

  private constructor(connection: RawConnection, origin: string) {
    this.connection = connection;
    this.#origin = origin;
  }

  static async connect(origin: string, options: RawConnectionOptions = {}): Promise<TestClient> {
    const port = Number(new URL(origin).port);
    const client = new TestClient(await RawConnection.open(port, options), origin);
    const { headers } = await client.send({ method: 'GET', path: '/v1/sys/state' });
    client.nonce = headers['replay-nonce'] ?? '';
    return client;
  }

  get exporter(): string {
    const { label, lengthBytes } = channelBinding;
    return this.connection.socket.exportKeyingMaterial(lengthBytes, label, Buffer.alloc(0)).toString('base64url');
  }

  /** Sends without a proof. */
  async send(request: TestRequest): Promise<RawAnswer> {
    this.connection.send(this.message(request));
    const answer = await this.connection.receive(request.method === 'HEAD');
    this.nonce = answer.headers['replay-nonce'] ?? this.nonce;
    return answer;
  }

  /** Sends with a proof of this key, bound to this connection. */
  async prove(key: SigningKey, request: TestRequest): Promise<RawAnswer> {
    return this.send({
      ...request,
      headers: { Authorization: `Letterlock ${this.proofOf(key, request)}`, ...request.headers },
    });
  }

  proofOf(key: SigningKey, request: TestRequest): string {
    return createProof({
      key,
      method: request.method,
      target: `${this.#origin}${request.path}`,
      bodyHash: hash43(bytesOf(request.body)),
      nonce: this.nonce,
      iat: Math.floor(Date.now() / 1000),
      channelBinding: this.exporter,
      ...request.proof,
    });
  }

  /** The bytes of a request. */
  message({ method, path, body, headers }: TestRequest): Uint8Array {
    const bytes = bytesOf(body);
    const fields = {
      Host: 'localhost',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) }),
      ...headers,
    };
    const lines = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
    return Buffer.concat([Buffer.from([`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'), 'latin1'), bytes]);
  }

  close(): void {
    this.connection.close();
  }
}

function bytesOf(body: TestRequest['body']): Uint8Array {
  if (body === undefined) return new Uint8Array(0);
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  return body instanceof Uint8Array ? body : Buffer.from(canonicalize(body as JcsObject), 'utf8');
}
