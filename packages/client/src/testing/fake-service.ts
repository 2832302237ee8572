/**
 * A small service over real TLS for tests of trust, retries and failures: it answers as protocol.md says, and a test can
 * stand in the way of any request. It must never be shipped: the real service in a process is `@letterlock/client/testing`.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  certificatePem,
  createSelfSignedCertificate,
  generateSigningKey,
  hash43,
  importSealingKey,
  parseProof,
  randomIdentifier,
  readEnvelope,
  sealDeliverySlot,
  signDelivery,
  signReceipt,
  signState,
  verifyJws,
  verifyKeyset,
  type SigningKey,
} from '@letterlock/crypto';
import {
  canonicalize,
  envelope as envelopeReader,
  openRequest,
  parseCanonical,
  ProblemError,
  toProblemDocument,
  type Envelope,
  type JcsObject,
  type ProofClaims,
  type ReceiptClaims,
} from '@letterlock/protocol';

/** A request as it arrived. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly proof: ProofClaims | undefined;
  readonly body: string;
  readonly bodyHash: string;
  /** Number of the connection, from 1. */
  readonly connection: number;
}
export interface FakeAnswer {
  readonly status: number;
  readonly body: JcsObject;
  readonly headers?: Readonly<Record<string, string>>;
}
/** `continue`: answer normally; `kill`: end the connection before acting; `kill_after`: act, then end it; `hang`: never answer. */
export type Intercept = 'continue' | 'kill' | 'kill_after' | 'hang' | FakeAnswer;

interface FakeWrap {
  readonly envelope: Envelope;
  st: ReceiptClaims['st'];
  claim:
    { readonly kid: string; readonly cid: string; readonly bhs: string[]; proof: string; aproof?: string } | undefined;
}

/** Seconds at which the fake's records say that things happened. */
const fixedSeconds = 1_790_000_000;

export class FakeService {
  readonly instanceKey: SigningKey;
  tlsKey: SigningKey;
  readonly inst: string;
  /** Kept after the end. */
  port = 0;
  readonly seen: Seen[] = [];
  readonly keysets: Map<string, string>;
  readonly wraps: Map<string, FakeWrap>;
  /** What proofs must name. Default its own address. */
  publicOrigin: string | undefined;
  /** Stands in the way of each request; the default lets everything pass. */
  intercept: (seen: Seen) => Intercept | Promise<Intercept> = () => 'continue';
  /** Changes the answer of the state route. */
  changeState: (state: JcsObject) => JcsObject = (state) => state;
  /** Changes the answer of an open. */
  changeDelivery: (delivery: JcsObject) => JcsObject = (delivery) => delivery;
  /** Changes the claims of each receipt. */
  changeReceipt: (claims: ReceiptClaims) => ReceiptClaims = (claims) => claims;
  /** Value of every `Date` header. */
  dateSeconds = fixedSeconds;
  /** `exp` of the state statement. */
  stateExpiresSeconds = fixedSeconds + 300;
  readonly #nonces = new Set<string>();
  readonly #sockets = new Map<TLSSocket, number>();
  readonly #server: Server;

  private constructor(instanceKey: SigningKey, other: FakeService | undefined) {
    this.instanceKey = instanceKey;
    this.inst = other?.inst ?? randomIdentifier();
    this.keysets = other?.keysets ?? new Map();
    this.wraps = other?.wraps ?? new Map();
    this.tlsKey = generateSigningKey();
    this.#server = createServer(
      { ...secureContext(this.tlsKey), minVersion: 'TLSv1.3' },
      (request, response) => void this.#receive(request, response),
    );
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.set(socket, this.#sockets.size + 1);
      socket.on('error', () => undefined);
    });
  }

  /** @param other - what it stores is stored here too: both are replicas of one service */
  static async start(instanceKey = generateSigningKey(), other?: FakeService): Promise<FakeService> {
    const service = new FakeService(instanceKey, other);
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve));
    service.port = (service.#server.address() as AddressInfo).port;
    return service;
  }

  get address(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get fingerprint(): string {
    return this.instanceKey.thumbprint;
  }

  /** Connections so far. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return [...this.#sockets.keys()].filter(({ destroyed }) => !destroyed).length;
  }

  /** Requests of a path, of all connections. */
  requests(suffix: string): readonly Seen[] {
    return this.seen.filter(({ path }) => path.endsWith(suffix));
  }

  /** Serves another TLS key to new connections, as another process would. */
  replaceTlsKey(): void {
    this.tlsKey = generateSigningKey();
    this.#server.setSecureContext(secureContext(this.tlsKey));
  }

  /** Ends every connection, as a restart does. */
  killConnections(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  async close(): Promise<void> {
    this.killConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  issueNonce(): string {
    const nonce = Buffer.concat([randomBytes(40)]).toString('base64url');
    this.#nonces.add(nonce);
    return nonce;
  }

  signReceipt(claims: ReceiptClaims): string {
    return signReceipt(this.instanceKey, this.changeReceipt(claims));
  }

  receiptOf(id: string, nonce: string | undefined): string {
    const { envelope, st } = this.#wrap(id);
    const { eh, ph } = readEnvelope(envelope);
    return this.signReceipt({ at: fixedSeconds, eh, id, ...(nonce === undefined ? {} : { nonce }), ph, rev: 1, st });
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const socket = request.socket as TLSSocket;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    const { authorization } = request.headers;
    const proof = authorization?.startsWith('Letterlock ') === true ? parseProof(authorization.slice(11)) : undefined;
    const seen: Seen = {
      method: request.method ?? '',
      path: request.url ?? '',
      authorization,
      proof: proof?.claims,
      body,
      bodyHash: hash43(body),
      connection: this.#sockets.get(socket) ?? 0,
    };
    this.seen.push(seen);
    const decision = await this.intercept(seen);
    if (decision === 'hang') return;
    if (decision === 'kill') {
      socket.destroy();
      return;
    }
    const answer = typeof decision === 'object' ? decision : await this.#answer(seen, socket);
    if (decision === 'kill_after') {
      socket.destroy();
      return;
    }
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      date: new Date(this.dateSeconds * 1000).toUTCString(),
      'replay-nonce': this.issueNonce(),
      ...answer.headers,
    });
    response.end(canonicalize(answer.body));
  }

  async #answer(seen: Seen, socket: TLSSocket): Promise<FakeAnswer> {
    try {
      if (seen.path === '/v1/sys/state') return { status: 200, body: this.#state() };
      this.#checkProof(seen, socket);
      return await this.#act(seen);
    } catch (error) {
      return {
        status: error instanceof ProblemError ? error.status : 500,
        body: { ...toProblemDocument(error) } as unknown as JcsObject,
      };
    }
  }

  #state(): JcsObject {
    const jws = signState(this.instanceKey, {
      exp: this.stateExpiresSeconds,
      iat: this.stateExpiresSeconds - 300,
      inst: this.inst,
      td: 'test.example',
      tls: this.tlsKey.thumbprint,
    });
    const sik = this.instanceKey.jwk as unknown as JcsObject;
    return this.changeState({ jws, sik, state: 'unsealed', td: 'test.example', v: 1 });
  }

  #checkProof(seen: Seen, socket: TLSSocket): void {
    const { proof, authorization } = seen;
    if (proof === undefined) throw new ProblemError('bad_proof');
    if (!this.#nonces.delete(proof.nonce)) throw new ProblemError('bad_nonce');
    const exporter = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('base64url');
    const { jws } = parseProof(authorization!.slice(11));
    const keyset = this.keysets.get(jws.header.kid);
    const isRight =
      keyset !== undefined &&
      verifyJws(jws, verifyKeyset(keyset).sig) &&
      proof.htu === `${this.publicOrigin ?? this.address}${seen.path}` &&
      proof.htm === seen.method &&
      proof.bh === seen.bodyHash;
    if (!isRight) throw new ProblemError('bad_proof');
    if (proof.cb !== exporter) throw new ProblemError('channel_required');
  }

  async #act(seen: Seen): Promise<FakeAnswer> {
    const [, kind, id = '', action = ''] = /^\/v1\/(\w+)(?:\/([\w-]+))?(?:\/(\w+))?$/.exec(seen.path) ?? [];
    const nonce = seen.proof?.nonce;
    if (kind === 'identities') {
      const keyset = this.keysets.get(id);
      if (keyset === undefined) throw new ProblemError('not_found');
      return { status: 200, body: { keyset } };
    }
    if (id === '') {
      const envelope = envelopeReader(parseCanonical(seen.body), '');
      const { header, slotKids } = readEnvelope(envelope);
      const reader = verifyKeyset(this.keysets.get(header.rcp[0]!.slice(2))!);
      if (slotKids[0] !== reader.enc.thumbprint) throw new ProblemError('unknown_recipient');
      const isNew = !this.wraps.has(header.id);
      if (isNew) this.wraps.set(header.id, { envelope, st: 'STORED', claim: undefined });
      return { status: isNew ? 201 : 200, body: { rcpt: this.receiptOf(header.id, nonce) } };
    }
    const wrap = this.#wrap(id);
    if (action === 'open') return { status: 200, body: await this.#open(seen, id, wrap) };
    if (action === 'status') {
      const proofs = {
        ...(wrap.claim === undefined ? {} : { proof: wrap.claim.proof }),
        ...(wrap.claim?.aproof === undefined ? {} : { aproof: wrap.claim.aproof }),
      };
      return { status: 200, body: { ...proofs, rcpt: this.receiptOf(id, nonce) } };
    }
    if (action === 'ack') {
      wrap.st = 'OPENED';
      wrap.claim!.aproof = seen.authorization!.slice(11);
    }
    if (action === 'revoke') wrap.st = 'REVOKED';
    return { status: 200, body: { rcpt: this.receiptOf(id, nonce) } };
  }

  #wrap(id: string): FakeWrap {
    const wrap = this.wraps.get(id);
    if (wrap === undefined) throw new ProblemError('not_found');
    return wrap;
  }

  async #open(seen: Seen, id: string, wrap: FakeWrap): Promise<JcsObject> {
    const { cid, rpk } = openRequest(parseCanonical(seen.body), '');
    const proof = seen.authorization!.slice(11);
    const { kid } = parseProof(proof).jws.header;
    const isOver = wrap.st !== 'STORED' && wrap.st !== 'CLAIMED';
    if (isOver || (wrap.claim !== undefined && wrap.claim.cid !== cid)) {
      throw new ProblemError(isOver ? 'gone' : 'already_claimed', {
        members: { st: wrap.st, at: fixedSeconds, rcpt: this.receiptOf(id, seen.proof?.nonce) },
      });
    }
    wrap.st = 'CLAIMED';
    wrap.claim ??= { kid, cid, bhs: [], proof };
    wrap.claim.bhs.push(seen.bodyHash);
    const { eh, ph, header } = readEnvelope(wrap.envelope);
    const dslot = await sealDeliverySlot({
      to: importSealingKey(rpk),
      eh,
      content: 'slot',
      plaintext: wrap.envelope.slots[0]!,
    });
    const dlv = signDelivery(this.instanceKey, {
      at: fixedSeconds,
      bhs: [...wrap.claim.bhs],
      cid,
      ds: hash43(dslot),
      eh,
      id,
      kid,
      n: wrap.claim.bhs.length,
      nonce: seen.proof!.nonce,
      ph,
      st: 'CLAIMED',
      until: fixedSeconds + 60,
    });
    const wkey = verifyKeyset(this.keysets.get(header.wrt)!).sig.jwk as unknown as JcsObject;
    const { hdr, payload, sig } = wrap.envelope;
    return this.changeDelivery({ dlv, dslot, hdr, payload, sig, v: 1, wkey });
  }
}

function secureContext(key: SigningKey): { readonly key: string | Buffer; readonly cert: string } {
  const certificate = createSelfSignedCertificate({
    key,
    commonName: 'fake',
    notBeforeSeconds: 0,
    notAfterSeconds: fixedSeconds,
  });
  return { key: key.keyObject.export({ type: 'pkcs8', format: 'pem' }), cert: certificatePem(certificate) };
}
