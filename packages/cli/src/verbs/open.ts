/**
 * `letterlock open`: opens a wrap once, delivers its content, and acknowledges when the content is safe.
 * It must never acknowledge content that is not safe, nor send a request before its claim is on the disk.
 * @module
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Receipt } from '@letterlock/client';
import { isProblemError } from '@letterlock/protocol';
import { connect, type Connected } from '../connect.ts';
import type { Context } from '../context.ts';
import { deliveryOf, type Delivery } from '../delivery.ts';
import { CommandError, usage } from '../exit-status.ts';
import { checkWrapId, nameAndId } from '../people.ts';
import { explainRefusal } from '../refusals.ts';
import { describeState } from '../receipts.ts';
import type { Claim } from '../state/claims.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb, type OptionValues } from '../verb.ts';

const options = {
  out: { flags: '--out <file>', help: 'write to a file, mode 0600; default: standard output' },
  force: { flags: '--force', help: 'replace the file' },
  raw: { flags: '--raw', help: 'print to a terminal without escaping control characters' },
  ack: { flags: '--no-ack', help: 'do not acknowledge: the window ends it' },
  from: { flags: '--from <name>', help: 'accept only this writer: an id, or a name that is pinned here' },
  why: { flags: '--why <text>', help: 'reason for the audit log, at most 128 bytes' },
} as const;
type Options = OptionValues<typeof options>;

export const verb = defineVerb({
  description:
    'Acknowledges, and so burns the wrap, only when the content is safe: after the file is on the disk, after a pipe took ' +
    'everything, or after a key press at a terminal. An interrupted open is resumed by the same command: its claim is kept. ' +
    'Exit status 5 if it was opened before, saying when and by which key.',
  arguments: { '<id>': 'the wrap' },
  options,
  examples: [
    { command: 'letterlock open iTM3E3-mXIFyJ2MKOjYShQ --out db.pem', does: 'open into a file' },
    { command: 'letterlock open iTM3E3-mXIFyJ2MKOjYShQ | psql-import', does: 'open into a program' },
    { command: 'letterlock open iTM3E3-mXIFyJ2MKOjYShQ', does: 'show it here, and burn it with the next key press' },
  ],
  async run(context, { arguments: [given = ''], options: chosen }) {
    const id = checkWrapId(given);
    if (context.output.isJson && chosen.out === undefined) {
      throw usage(
        'Cannot open: standard output cannot hold both the content and JSON',
        'write the content to a file with --out',
      );
    }
    const writer = chosen.from === undefined ? undefined : context.knownIdentities.resolve(chosen.from);
    const kept = context.claims.find(id);
    const isSaved = kept?.savedTo !== undefined && existsSync(kept.savedTo);
    // The file is there already, so it is neither to be written nor in the way.
    const delivery = isSaved ? undefined : deliveryOf(context, chosen);
    using connected = await connect(context);
    checkClaim(context, kept, connected);
    if (kept !== undefined && delivery === undefined) {
      await acknowledge(context, () => connected.client.acknowledge(kept.id, kept.cid), kept);
      return;
    }
    await openAndDeliver(context, connected, { id, writer, kept, delivery: delivery!, chosen });
  },
});

interface Opening {
  readonly id: string;
  readonly writer: string | undefined;
  readonly kept: Claim | undefined;
  readonly delivery: Delivery;
  readonly chosen: Options;
}

async function openAndDeliver(context: Context, connected: Connected, opening: Opening): Promise<void> {
  const { id, kept, delivery, chosen, writer } = opening;
  let claim = kept;
  try {
    using opened = await context.progress(
      'Opening',
      connected.client.open(id, {
        signal: context.signal,
        claimId: kept?.cid,
        priorBodyHashes: kept?.sentBodyHashes,
        why: chosen.why,
        ...(writer === undefined ? {} : { isWriterAllowed: (writerId: string) => writerId === writer }),
        onClaim: ({ claimId, bodyHashes }) => {
          claim = {
            id,
            cid: claimId,
            sentBodyHashes: bodyHashes,
            origin: connected.origin,
            reader: connected.identity.id,
          };
          context.claims.save(claim);
        },
      }),
    );
    const { until } = opened.delivery;
    const end = until === undefined ? '' : ` until ${formatTime(until)}`;
    await delivery.deliver(
      opened.content.expose(),
      chosen.ack ? undefined : `not acknowledged; the same command opens it again${end}`,
    );
    if (!chosen.ack) return;
    if (delivery.file !== undefined) {
      claim = { ...claim!, savedTo: resolve(delivery.file) };
      context.claims.save(claim);
    }
    const { name, writer: from } = opened;
    await acknowledge(context, () => opened.acknowledge(), claim!, {
      from: from.thumbprint,
      name,
      delivery,
      n: opened.delivery.n,
    });
  } catch (error) {
    throw forget(context, { claim, isResumed: kept !== undefined }, explainFailure(context, claim, error));
  }
}

/** Tells the service that the content is safe. Not ended by an interruption: the service should learn it. */
async function acknowledge(
  context: Context,
  send: () => Promise<Receipt>,
  claim: Claim,
  opened?: {
    readonly from: string;
    readonly name: string | undefined;
    readonly delivery: Delivery;
    /** Deliveries of this claim, this one included. */
    readonly n: number | undefined;
  },
): Promise<void> {
  const state = await context.progress('Acknowledging', send()).then(
    (receipt) => ({ st: receipt.st, at: receipt.at }),
    (error: unknown) => lateState(context, error),
  );
  context.claims.remove(claim.id);
  const file = opened?.delivery.file ?? claim.savedTo;
  // Standard output belongs to the content unless that went to a file.
  if (file === undefined) {
    context.output.note(`${describeState(state)}. From ${nameAndId(context, opened?.from ?? '')}.`);
    return;
  }
  const { from, name, n } = opened ?? {};
  context.output.result({ id: claim.id, state: state.st, at: state.at, file, from, name, deliveries: n }, [
    ['file', file],
    ...(from === undefined ? [] : ([['from', nameAndId(context, from)]] as const)),
    ...(name === undefined ? [] : ([['name', name]] as const)),
    // Only where it says that an answer was lost before.
    ...(n === undefined || n === 1 ? [] : ([['deliveries', `${n} to this claim, to no other`]] as const)),
    ['state', describeState(state)],
  ]);
}

/** The content is safe, but the window was over: no failure for the reader, though the writer will see another word. */
function lateState(context: Context, error: unknown): Pick<Receipt, 'st' | 'at'> {
  const { st, at } = isProblemError(error) && error.code === 'gone' ? error.members : {};
  if (st === undefined || at === undefined) throw error;
  context.output.warn(
    'The content is safe, but the acknowledgement came after the window: the writer sees that it may have been read.',
  );
  return { st: st as Receipt['st'], at };
}

/** A claim belongs to one key at one service. @throws usage */
function checkClaim(context: Context, claim: Claim | undefined, { service, fingerprint, identity }: Connected): void {
  if (claim === undefined) return;
  // Any replica of the same installation finishes it.
  const isOfService =
    service.origins.includes(claim.origin) || context.knownServers.find(claim.origin)?.fingerprint === fingerprint;
  if (!isOfService)
    throw usage(`Cannot resume: this open was begun at ${claim.origin}`, `repeat it with --address ${claim.origin}`);
  if (claim.reader !== identity.id)
    throw usage(`Cannot resume: this open was begun by ${claim.reader}`, 'repeat it with that key');
}

/** Adds how to resume to what interrupted. */
function explainFailure(context: Context, claim: Claim | undefined, error: unknown): unknown {
  const explained = explainRefusal(context, 'open', error);
  if (claim === undefined || explained !== error || isProblemError(error)) return explained;
  const { name = '', message = '' } = (error ?? {}) as { readonly name?: string; readonly message?: string };
  if (context.signal.aborted || name === 'AbortError') {
    return new CommandError(
      'interrupted',
      `Interrupted: the claim ${claim.cid} is kept`,
      `resume with: letterlock open ${claim.id}`,
      error,
    );
  }
  if (name === 'ConnectionError') {
    return new CommandError(
      'unavailable',
      `${message}: the claim ${claim.cid} is kept`,
      `resume with: letterlock open ${claim.id}`,
      error,
    );
  }
  return error;
}

/** A claim that the service refused for good is of no use; every other one may still be needed. */
function forget(
  context: Context,
  { claim, isResumed }: { readonly claim: Claim | undefined; readonly isResumed: boolean },
  error: unknown,
): unknown {
  const refusal = error instanceof CommandError ? error.cause : error;
  if (claim === undefined || !isProblemError(refusal)) return error;
  // A resumed claim that may not be delivered again can still be acknowledged by another copy of this program.
  const isOver = ['gone', 'not_found'].includes(refusal.code) || (refusal.code === 'already_claimed' && !isResumed);
  if (isOver) context.claims.remove(claim.id);
  return error;
}
