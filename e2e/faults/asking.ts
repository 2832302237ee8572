/**
 * Asks the service through the SDK and records what came of it; an unknown outcome is asked about until it is known.
 * It must never record an answer that it did not get, nor hide one that it did not expect.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  ConnectionError,
  IntegrityError,
  isProblemError,
  LetterlockError,
  type Identity,
  type Keyset,
  type LetterlockClient,
  type SealedWrap,
} from '@letterlock/client';
import { nowMilliseconds, type Answer, type Asked, type Recorder } from './history.ts';
import type { Chance } from './seeded.ts';

/** How long one question is asked again. Longer than any fault lasts. */
const patienceMilliseconds = 40_000;
const pauseMilliseconds = 40;
/** A sealed service stays so until admins come. */
const sealedPauseMilliseconds = 300;
/** A claim is delivered at most eight times. */
const opensLimit = 7;
/** Codes that do not say whether anything happened. */
const uncertain: readonly string[] = ['unavailable', 'sealed', 'uninitialised', 'bad_nonce', 'rate'];

/** What one call needs: a client of some replica. */
type Send = (client: LetterlockClient) => Promise<Answer>;

/** Whom a question is put to: one replica, or all of them through one client that fails over by itself. */
export interface Target {
  readonly name: string;
  clientOf(identity: Identity): LetterlockClient;
}

export interface Asker {
  /** Asks one target once. */
  once(question: Question, at: string): Promise<Answer>;
  /** Asks one target after the other until somebody answers. @param at - who is asked first. Default: any */
  insist(question: Question, at?: string): Promise<Answer>;
}

/** A question about an item. */
export interface Question {
  readonly item: string;
  readonly by: Identity;
  readonly asked: Asked;
  readonly send: Send;
  /** Learns by reading what became of it; undefined: ask again. */
  readonly resolve?: () => Promise<Answer | undefined>;
}

export interface AskerOptions {
  readonly recorder: Recorder;
  readonly targets: readonly Target[];
  readonly chance: Chance;
}

export function createAsker({ recorder, targets, chance }: AskerOptions): Asker {
  const once = async ({ item, by, asked, send }: Question, at: string): Promise<Answer> => {
    const target = targets.find(({ name }) => name === at)!;
    const from = nowMilliseconds();
    const answer = await send(target.clientOf(by)).catch(answerOf);
    recorder.addCall({ item, by: by.id, replica: at, asked, from, to: nowMilliseconds(), answer });
    return answer;
  };
  const insist = async (question: Question, at?: string): Promise<Answer> => {
    const until = nowMilliseconds() + patienceMilliseconds;
    let next = at ?? chance.one(targets).name;
    for (let sent = 0; nowMilliseconds() < until;) {
      const answer = await once(question, next);
      if (answer.is === 'ok' || answer.is === 'refused' || answer.is === 'broken') return answer;
      if (answer.is === 'unknown') {
        // A sealed service delivers nothing.
        if (answer.why !== 'sealed') sent += 1;
        const resolved = await question.resolve?.();
        if (resolved !== undefined) return resolved;
        if (question.asked.do === 'open' && sent >= opensLimit) break;
      }
      await pause(answer.why === 'sealed' ? sealedPauseMilliseconds : pauseMilliseconds);
      next = chance.one(targets).name;
    }
    recorder.giveUp(question.item);
    return { is: 'unknown', why: 'given_up' };
  };
  return { once, insist };
}

/** @throws what is neither of the service nor of the network: the harness is broken then */
function answerOf(error: unknown): Answer {
  if (error instanceof LetterlockError) {
    const { code, members } = error;
    if (uncertain.includes(code)) return { is: 'unknown', why: code };
    if (code === 'internal') return { is: 'broken', why: code };
    return {
      is: 'refused',
      code,
      ...(members.st === undefined ? {} : { st: members.st }),
      ...(members.ver === undefined ? {} : { ver: members.ver }),
    };
  }
  if (error instanceof ConnectionError) {
    return { is: error.outcome === 'not_sent' ? 'not_sent' : 'unknown', why: error.code };
  }
  if (error instanceof IntegrityError) return { is: 'broken', why: error.reason };
  // A ProblemError that is not of an answer: the SDK refused an object by itself.
  if (isProblemError(error)) return { is: 'broken', why: error.reason ?? error.code };
  throw error;
}

export function askToStore(writer: Identity, { id, envelope }: SealedWrap, resolve?: Question['resolve']): Question {
  return {
    item: id,
    by: writer,
    asked: { do: 'store' },
    send: async (client) => {
      await client.storeEnvelope(envelope);
      return { is: 'ok' };
    },
    ...(resolve === undefined ? {} : { resolve }),
  };
}

export function askForStatus(party: Identity, id: string): Question {
  return {
    item: id,
    by: party,
    asked: { do: 'status' },
    send: async (client) => ({ is: 'ok', st: (await client.status(id)).receipt.st }),
  };
}

/** @param sent - hashes of all requests with this claim, which grow with each */
export function askToOpen(reader: Identity, id: string, cid: string, sent: string[]): Question {
  return {
    item: id,
    by: reader,
    asked: { do: 'open', cid },
    send: async (client) => {
      using opened = await client.open(id, {
        claimId: cid,
        // Another opening with this claim may be under way and is delivered first.
        priorBodyHashes: sent,
        onClaim: ({ bodyHashes }) => {
          for (const hash of bodyHashes) if (!sent.includes(hash)) sent.push(hash);
        },
      });
      return { is: 'ok', content: labelOf(opened.content.expose()), n: opened.delivery.n! };
    },
  };
}

export function askToAcknowledge(reader: Identity, id: string, cid: string): Question {
  return {
    item: id,
    by: reader,
    asked: { do: 'acknowledge', cid },
    send: async (client) => {
      await client.acknowledge(id, cid);
      return { is: 'ok' };
    },
  };
}

export function askToRevoke(writer: Identity, id: string, resolve: Question['resolve']): Question {
  return {
    item: id,
    by: writer,
    asked: { do: 'revoke' },
    send: async (client) => {
      await client.revoke(id);
      return { is: 'ok' };
    },
    ...(resolve === undefined ? {} : { resolve }),
  };
}

export function askToWrite(
  writer: Identity,
  path: string,
  o: { readonly ver: number; readonly content: string; readonly to: readonly Keyset[] },
  resolve: Question['resolve'],
): Question {
  const { ver, content, to } = o;
  return {
    item: path,
    by: writer,
    asked: { do: 'write', ver, content },
    send: async (client) => {
      await client.writeSecret({ path, to, ver, content: Buffer.from(content) });
      return { is: 'ok' };
    },
    ...(resolve === undefined ? {} : { resolve }),
  };
}

export function askToRead(reader: Identity, path: string, ver?: number): Question {
  return {
    item: path,
    by: reader,
    asked: ver === undefined ? { do: 'read' } : { do: 'read', ver },
    send: async (client) => {
      using read = await client.readSecret(path, ver === undefined ? {} : { ver });
      return { is: 'ok', content: labelOf(read.content.expose()), ver: read.ver };
    },
  };
}

/** Contents begin with a line of their own; behind it may be padding. */
function labelOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').split('\n')[0]!;
}
