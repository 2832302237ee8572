/**
 * A TCP proxy before an etcd without TLS, for tests: it loses, holds back or delays exactly one message.
 * It must never change a byte, nor understand more of HTTP/2 than where a frame ends.
 * @module
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * `drop_answer`: the next answer is lost with its connection. `hold_answer`: it waits for `release`, as do all behind it.
 * `hold_request`: the next request is kept until `release`, its connection is cut at once: it arrives when nobody waits for it.
 */
export const proxyFaults = ['drop_answer', 'hold_answer', 'hold_request'] as const;
export type ProxyFault = (typeof proxyFaults)[number];

/** Bytes before the first frame of a client. @source RFC 9113 §3.4 */
const clientPrefaceBytes = 24;
const frameHeaderBytes = 9;
/** Frame types that belong to a call: DATA and HEADERS. @source RFC 9113 §6 */
const callFrames: readonly number[] = [0, 1];
const endStream = 1;

export class ByteProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #armed: ProxyFault | undefined;
  readonly #held: (() => Promise<void>)[] = [];
  #hits = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(targetPort: number): Promise<ByteProxy> {
    const proxy = new ByteProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Faults that have struck. */
  get hits(): number {
    return this.#hits;
  }

  /** The next message of that direction is struck. */
  arm(fault: ProxyFault): void {
    this.#armed = fault;
  }

  /** Lets everything that is held arrive, and waits until what arrived at etcd has been answered. */
  async release(): Promise<void> {
    for (const goOn of this.#held.splice(0)) await goOn();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #take(fault: ProxyFault): boolean {
    if (this.#armed !== fault) return false;
    this.#armed = undefined;
    this.#hits += 1;
    return true;
  }

  #accept(client: Socket): void {
    const upstream = connect(this.#targetPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
    }
    let isAbandoned = false;
    let answered: (() => void) | undefined;
    let heldAnswers: Buffer[] | undefined;
    let heldRequest: Buffer[] | undefined;
    client.on('close', () => {
      if (!isAbandoned) upstream.destroy();
    });
    upstream.on('close', () => client.destroy());

    const fromClient = splitFrames(clientPrefaceBytes, (frame, type, flags) => {
      if (callFrames.includes(type) && heldRequest === undefined && this.#take('hold_request')) {
        isAbandoned = true;
        heldRequest = [];
      }
      if (heldRequest === undefined) {
        upstream.write(frame);
        return;
      }
      heldRequest.push(frame);
      if (!callFrames.includes(type) || (flags & endStream) === 0) return;
      const request = Buffer.concat(heldRequest);
      this.#held.push(() => {
        const { promise, resolve } = Promise.withResolvers<void>();
        answered = () => {
          upstream.destroy();
          resolve();
        };
        upstream.write(request);
        return promise;
      });
      client.destroy();
    });
    const fromUpstream = splitFrames(0, (frame, type) => {
      const isAnswer = callFrames.includes(type);
      if (isAnswer && answered !== undefined) answered();
      else if (isAnswer && this.#take('drop_answer')) client.destroy();
      else if (isAnswer && heldAnswers === undefined && this.#take('hold_answer')) {
        const frames = [frame];
        heldAnswers = frames;
        this.#held.push(async () => {
          heldAnswers = undefined;
          if (!client.destroyed) client.write(Buffer.concat(frames));
        });
      } else if (heldAnswers !== undefined) heldAnswers.push(frame);
      else if (!client.destroyed) client.write(frame);
    });
    client.on('data', fromClient);
    upstream.on('data', fromUpstream);
  }
}

/** Cuts a stream of bytes into frames. @param preface - bytes before the first, passed on with it */
function splitFrames(
  preface: number,
  take: (frame: Buffer, type: number, flags: number) => void,
): (chunk: Buffer) => void {
  let waiting = Buffer.alloc(0);
  let before = preface;
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
      if (waiting.length < before + frameHeaderBytes) return;
      const length = before + frameHeaderBytes + waiting.readUIntBE(before, 3);
      if (waiting.length < length) return;
      const [type, flags] = [waiting.readUInt8(before + 3), waiting.readUInt8(before + 4)];
      const frame = waiting.subarray(0, length);
      waiting = waiting.subarray(length);
      before = 0;
      take(frame, type, flags);
    }
  };
}
