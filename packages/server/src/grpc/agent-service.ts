/**
 * `letterlock.v1.Agent` as served: takes a call in, within its limits, and gives its answer with the next nonce.
 * It must never decide who a caller is: the certificate and the proof are judged by the calls it is given.
 * @module
 */
import { hash, randomUUID } from 'node:crypto';
import {
  Metadata,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
} from '@grpc/grpc-js';
import { decodeDocument, encodeEvent, headerNames, limits, ProblemError, type WatchEvent } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { agentDefinition, agentMethods, agentServicePath, type AgentMethod } from './agent-definition.ts';
import { bufferOf, encodeDocument } from './document-codec.ts';
import type { GrpcCaller, GrpcService } from './grpc-listener.ts';
import { requireSmallMetadata } from './metadata-size.ts';
import { problemOf, statusOf } from './grpc-status.ts';

/** A call as it was received, before anybody is believed. */
export interface AgentCall {
  readonly requestId: string;
  /** `/letterlock.v1.Agent/<Method>` */
  readonly path: string;
  readonly body: Uint8Array;
  /** b64u SHA-256 of the body. */
  readonly bodyHash: string;
  readonly proof: string | undefined;
  readonly writerToken: string | undefined;
  readonly caller: GrpcCaller;
}

/** What the methods do. */
export interface AgentCalls {
  readonly answer: Readonly<Record<AgentMethod, (call: AgentCall) => Promise<string>>>;
  /** Until the abort, or until it throws. */
  readonly watch: (call: AgentCall, emit: (event: WatchEvent) => void, signal: AbortSignal) => Promise<void>;
  readonly issueNonce: () => string;
  /** A call whose proof did not hold. */
  readonly proofFailed: (address: string) => void;
  /** @throws 'rate' */
  readonly checkAddress: (address: string) => void;
}

const proofKey = 'letterlock-proof';
/** Streams of one process: each pod has one, and for a moment two. */
const mostStreams = 4096;
const failures: ReadonlySet<string> = new Set(['bad_proof', 'channel_required']);

export function createAgentService(o: { readonly calls: AgentCalls; readonly log: Logger }): GrpcService {
  const { calls, log } = o;
  let streams = 0;
  return (callerOf) => {
    const receive = (name: string, peer: string, request: Buffer, metadata: Metadata): AgentCall => {
      const caller = callerOf(peer);
      if (caller === undefined) throw new ProblemError('bad_proof', { reason: 'client_key' });
      calls.checkAddress(caller.remoteAddress);
      requireSmallMetadata(metadata);
      const body = decodeDocument(request);
      return {
        requestId: randomUUID(),
        path: `${agentServicePath}${name}`,
        body,
        bodyHash: hash('sha256', body, 'base64url'),
        // Without a proof nothing is wrong yet: the answer brings the nonce that the first one needs.
        proof: single(metadata, proofKey, limits.proofBytes),
        writerToken: single(metadata, headerNames.writerToken, limits.tokenBytes),
        caller,
      };
    };
    const refusal = (error: unknown, name: string, peer: string): StatusObject => {
      const problem = problemOf(error);
      const { code, reason } = problem;
      if (failures.has(code)) calls.proofFailed(callerOf(peer)?.remoteAddress ?? '');
      const level = code === 'internal' ? 'error' : code === 'bad_nonce' ? 'debug' : 'info';
      log[level]({ method: name, code, reason, error }, 'Refused an agent');
      return withNonce(statusOf(problem));
    };
    const withNonce = (given: StatusObject): StatusObject => {
      given.metadata.set(headerNames.replayNonce, calls.issueNonce());
      return given;
    };
    const unary = (name: AgentMethod) => (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      const run = async (): Promise<void> => {
        let response: string;
        try {
          const received = receive(name, call.getPeer(), call.request, call.metadata);
          requireProof(received);
          response = await calls.answer[name](received);
        } catch (error) {
          done(refusal(error, name, call.getPeer()));
          return;
        }
        const trailer = new Metadata();
        trailer.set(headerNames.replayNonce, calls.issueNonce());
        done(null, encodeDocument(Buffer.from(response)), trailer);
      };
      void run();
    };
    const watch = (call: ServerWritableStream<Buffer, Buffer>): void => {
      const stop = new AbortController();
      call.once('cancelled', () => stop.abort());
      call.once('close', () => stop.abort());
      call.on('error', () => stop.abort());
      const run = async (): Promise<void> => {
        try {
          const received = receive('Watch', call.getPeer(), call.request, call.metadata);
          requireProof(received);
          if (streams >= mostStreams) throw new ProblemError('rate', { reason: 'watch_streams', retryAfterSeconds: 5 });
          streams += 1;
          try {
            const emit = (event: WatchEvent): void => void call.write(bufferOf(encodeEvent(event)));
            await calls.watch(received, emit, stop.signal);
          } finally {
            streams -= 1;
          }
          call.end(withNonce({ code: status.OK, details: '', metadata: new Metadata() }).metadata);
        } catch (error) {
          if (stop.signal.aborted) call.end();
          else call.emit('error', refusal(error, 'Watch', call.getPeer()));
        }
      };
      void run();
    };
    const implementation = { ...Object.fromEntries(agentMethods.map((name) => [name, unary(name)])), Watch: watch };
    return { definition: agentDefinition, implementation };
  };
}

/** @throws 'bad_nonce', to which a client answers with a proof of the nonce that comes with it */
function requireProof({ proof }: AgentCall): void {
  if (proof === undefined) throw new ProblemError('bad_nonce', { reason: 'proof_missing' });
}

/** An entry that may be there once. @throws 'bad_proof' for two, 'too_large' */
function single(metadata: Metadata, key: string, limitBytes: number): string | undefined {
  const [value, ...more] = metadata.get(key);
  if (value === undefined) return undefined;
  // Node joins what came twice, and neither a proof nor a token has a comma.
  if (more.length > 0 || typeof value !== 'string' || value.includes(',')) {
    throw new ProblemError('bad_proof', { reason: 'proof_duplicate' });
  }
  if (value.length > limitBytes) {
    throw new ProblemError('too_large', { reason: 'metadata', detail: `${key} is longer than ${limitBytes} bytes` });
  }
  return value;
}
