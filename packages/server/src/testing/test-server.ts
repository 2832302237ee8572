/**
 * Starts a real server on loopback with admins made for the test, and keeps what it logs.
 * It must never listen beyond this machine.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import {
  certificatePem,
  createKeyset,
  createSelfSignedCertificate,
  generateOpeningKey,
  generateSigningKey,
  importSealingKey,
  openingKeyOf,
  openShare,
  publicOfOpening,
  randomIdentifier,
  sealEnvelope,
  sealUnsealShare,
  shareAcknowledgement,
  shareCommitment,
  signJws,
  signOperation,
  verifyKeyset,
  type OpeningKey,
  type SigningKey,
} from '@letterlock/crypto';
import { lifetimes, typ, type Envelope, type Operation, type UnsealStatusResponse } from '@letterlock/protocol';
import { loadConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { startServer, type RunningServer, type StartOptions } from '../main.ts';
import { TestClient } from './test-client.ts';
import type { RawAnswer } from './raw-connection.ts';

/** A caller with both keys. */
export interface TestIdentity {
  readonly id: string;
  readonly sig: SigningKey;
  readonly enc: OpeningKey;
  readonly keyset: string;
}
export interface TestAdmin {
  readonly id: string;
  readonly sig: SigningKey;
  readonly enc: OpeningKey;
  readonly pem: string;
}

export interface TestServer extends RunningServer {
  readonly admins: readonly TestAdmin[];
  /** Lines of the log. */
  readonly logged: readonly string[];
  /** Emits `line` for each of them. */
  readonly logging: EventEmitter;
  connect(): Promise<TestClient>;
}

/** Seconds now: tests on real sockets meet a real clock. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

export function createAdmin(name: string): TestAdmin {
  const sig = generateSigningKey('P-256');
  const pem = certificatePem(
    createSelfSignedCertificate({
      key: sig,
      commonName: name,
      notBeforeSeconds: nowSeconds() - 60,
      notAfterSeconds: nowSeconds() + 3600,
    }),
  );
  return { id: sig.thumbprint, sig, enc: openingKeyOf(sig.keyObject), pem };
}

export function createIdentity(): TestIdentity {
  const sig = generateSigningKey('P-256');
  const enc = generateOpeningKey('P-256');
  return {
    id: sig.thumbprint,
    sig,
    enc,
    keyset: createKeyset({ sig, enc: publicOfOpening(enc), seq: 1, iat: nowSeconds() }),
  };
}

/** Starts a server with three admins. @param flags - further settings, by flag name */
export async function startTestServer(
  flags: Readonly<Record<string, string | boolean | readonly string[]>> = {},
  options: StartOptions = {},
): Promise<TestServer> {
  const admins = ['one', 'two', 'three'].map((name) => createAdmin(name));
  const config = loadConfig({
    flags: {
      'trust-domain': 'test.example',
      store: 'memory',
      'listen-direct': '127.0.0.1:0',
      'listen-health': '127.0.0.1:0',
      'init-certificates': admins.map(({ pem }) => pem),
      ...flags,
    },
  });
  const logged: string[] = [];
  const logging = new EventEmitter();
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged.push(...chunk.toString('utf8').split('\n').filter(Boolean));
      logging.emit('line');
      done();
    },
  });
  const running = await startServer(config, { log: createLog('debug', destination), ...options });
  // The origins are those of the loopback listener; clients of the tests dial 127.0.0.1.
  const origin = running.origin.replace('localhost', '127.0.0.1');
  return Object.defineProperties(Object.create(running) as TestServer, {
    origin: { value: origin },
    admins: { value: admins },
    logged: { value: logged },
    logging: { value: logging },
    connect: { value: () => TestClient.connect(origin) },
  });
}

type OperationBody = Operation extends infer O ? (O extends Operation ? Pick<O, 'op' | 'args'> : never) : never;

/** Signs an operation of the running instance. */
export async function signedBy(admin: TestAdmin, server: TestServer, body: OperationBody): Promise<string> {
  const inst = await instanceOf(server, admin);
  const common = { exp: nowSeconds() + lifetimes.operationMaximum / 2, inst, nonce: randomIdentifier() };
  return signOperation(admin.sig, { ...body, ...common });
}

/** Status of the unseal as an admin sees it. */
export async function unsealStatusOf(server: TestServer, admin: TestAdmin): Promise<UnsealStatusResponse> {
  const client = await server.connect();
  try {
    const { body } = await client.prove(admin.sig, { method: 'GET', path: '/v1/sys/unseal' });
    return JSON.parse(body) as UnsealStatusResponse;
  } finally {
    client.close();
  }
}

async function instanceOf(server: TestServer, admin: TestAdmin): Promise<string> {
  return (await unsealStatusOf(server, admin)).inst;
}

/** Applies an operation through the API. */
export async function apply(
  server: TestServer,
  client: TestClient,
  body: OperationBody,
  admin: TestAdmin = server.admins[0]!,
): Promise<RawAnswer> {
  const ops = [await signedBy(admin, server, body)];
  return client.send({ method: 'POST', path: body.op === 'seal' ? '/v1/sys/seal' : '/v1/sys/op', body: { ops } });
}

/** Lets an identity in, and registers it. */
export async function register(server: TestServer, client: TestClient, identity: TestIdentity): Promise<void> {
  await apply(server, client, { op: 'identity.put', args: { id: identity.id } });
  const request = { method: 'POST', path: '/v1/identities', body: { keyset: identity.keyset } };
  const { status, body } = await client.prove(identity.sig, request);
  if (status !== 201) throw new Error(`Cannot register: ${body}`);
}

/** Lets an identity wrap below a path. */
export async function grantWrap(server: TestServer, client: TestClient, who: string, path: string): Promise<void> {
  const { status, body } = await apply(server, client, { op: 'grant.put', args: { path, verbs: ['wrap'], who } });
  if (status !== 200) throw new Error(`Cannot grant: ${body}`);
}

/** An envelope from one identity to another. */
export async function wrapFor(
  writer: TestIdentity,
  reader: TestIdentity,
  o: { readonly content?: string; readonly path?: string; readonly id?: string; readonly iat?: number } = {},
): Promise<{ readonly id: string; readonly envelope: Envelope }> {
  const iat = o.iat ?? nowSeconds();
  const { envelope, header } = await sealEnvelope({
    header: {
      ...(o.id === undefined ? {} : { id: o.id }),
      kind: 'once',
      mode: 'e2e',
      path: o.path ?? 'team-a/db',
      ver: 1,
      iat,
      exp: iat + lifetimes.onceDefault,
      win: lifetimes.windowDefault,
      rcp: [`k:${reader.id}`],
    },
    content: Buffer.from(o.content ?? `content ${randomUUID()}`),
    recipients: [verifyKeyset(reader.keyset).enc],
    writer: writer.sig,
  });
  return { id: header.id, envelope };
}

/** Lets admins show that their shares open, as `letterlock share check` does: a durable service stores nothing before. */
export async function acknowledgeShares(server: TestServer, admins: readonly TestAdmin[]): Promise<void> {
  const client = await server.connect();
  try {
    for (const admin of admins) {
      const { inst, gen, share: sealed } = await unsealStatusOf(server, admin);
      using share = (await openShare(sealed, admin.enc, { inst, gen })).share;
      const args = { ack: shareAcknowledgement(share, inst) };
      const { status, body } = await apply(server, client, { op: 'share.ack', args }, admin);
      if (status !== 200) throw new Error(`Cannot acknowledge: ${body}`);
    }
  } finally {
    client.close();
  }
}

/** Gives an admin's share, as the CLI does. */
export async function giveShare(server: TestServer, admin: TestAdmin): Promise<RawAnswer> {
  const status = await unsealStatusOf(server, admin);
  const client = await server.connect();
  try {
    const { inst, gen, boot } = status;
    const { share } = await openShare(status.share, admin.enc, { inst, gen });
    const context = { adminId: admin.id, boot, inst, gen, purpose: 'unseal' } as const;
    const sealed = await sealUnsealShare({ to: importSealingKey(status.benc), ...context, share });
    const claims = {
      boot,
      c: shareCommitment(inst, gen, share),
      gen,
      iat: nowSeconds(),
      inst,
      nonce: client.nonce,
      purpose: 'unseal',
      s: sealed,
    };
    const jws = signJws({ typ: typ.unseal, key: admin.sig, claims });
    return await client.send({ method: 'POST', path: '/v1/sys/unseal', body: { jws } });
  } finally {
    client.close();
  }
}
