/**
 * `letterlock wrap`: encrypts for one recipient and stores the envelope, or writes it to a file for another tool.
 * It must never take the secret from the command line.
 * @module
 */
import { basename } from 'node:path';
import { sealWrap, verifyKeyset, type Keyset, type WrapContent } from '@letterlock/client';
import { limits } from '@letterlock/protocol';
import { connect, readIdentity } from '../connect.ts';
import type { Context } from '../context.ts';
import { usage } from '../exit-status.ts';
import { readTextFile } from '../files/read-file.ts';
import { checkTarget, writeWholeFile } from '../files/write-file.ts';
import { fetchKeyset, nameAndId, noticeKeyset, required } from '../people.ts';
import { readSecret } from '../read-secret.ts';
import { receiptFile, writeReceipt } from '../receipts.ts';
import { formatDuration, formatTime, parseDuration } from '../time-text.ts';
import { defineVerb, type OptionValues } from '../verb.ts';

const options = {
  to: { flags: '--to <name>', help: 'recipient: an id, or a name that is pinned here' },
  path: { flags: '--path <path>', help: 'path that your grant covers, such as team-a/db' },
  file: { flags: '--file <file>', help: 'the secret; default: standard input, asked for at a terminal' },
  expires: {
    flags: '--expires <duration>',
    help: 'how long it can be opened, such as 24h or 7d; default 24h, at most 30d',
  },
  window: { flags: '--window <duration>', help: 'time to acknowledge after the opening, 15s to 15m; default 60s' },
  name: { flags: '--name <name>', help: 'file name, encrypted with the content; default: that of --file' },
  type: { flags: '--type <type>', help: 'media type, encrypted with the content' },
  receipt: { flags: '--receipt <file>', help: 'also write the receipt to a file' },
  offline: { flags: '--offline', help: 'do not store it: write the envelope to --out, for another tool to store' },
  keyset: { flags: '--keyset <file>', help: 'with --offline: keyset of the recipient; default: the one seen last' },
  out: { flags: '--out <file>', help: 'with --offline: where to write the envelope' },
  force: { flags: '--force', help: 'replace the files that are written' },
} as const;
type Options = OptionValues<typeof options>;

export const verb = defineVerb({
  description:
    'The secret is encrypted here; the service never sees it. Prints the id that the recipient opens. ' +
    'A secret as an argument is refused: other users of this machine could see it.',
  options,
  examples: [
    { command: 'letterlock wrap --to bob --path team-a/db --file db.pem', does: 'wrap a file' },
    {
      command: 'pass show db | letterlock wrap --to bob --path team-a/db --expires 2h --quiet',
      does: 'wrap what a program prints; print only the id',
    },
    {
      command: 'letterlock wrap --offline --to bob --path team-a/db --file db.pem --out envelope.json',
      does: 'seal without a network, for: curl --data-binary @envelope.json -H "Content-Type: application/json" …/v1/wraps',
    },
  ],
  async run(context, { options: given }) {
    const to = required(given.to, '--to', 'the recipient, an id or a pinned name');
    const path = required(given.path, '--path', 'a path that your grant covers');
    const about = aboutOf(path, given);
    if (given.offline) {
      await wrapOffline(context, to, about, given);
      return;
    }
    if (given.out !== undefined || given.keyset !== undefined)
      throw usage('Cannot wrap: --out and --keyset go with --offline');
    if (given.receipt !== undefined) checkTarget(given.receipt, given.force);
    using connected = await connect(context);
    const recipient = await fetchKeyset(context, connected, to);
    const content = { ...about, content: await readSecret(context, given.file) };
    try {
      const { client } = connected;
      const { signal } = context;
      const stored = await context.progress('Storing', client.wrap({ ...content, to: recipient, signal }));
      const isProofWanted = given.receipt !== undefined || context.output.isJson;
      const proof = isProofWanted ? await receiptFile(connected, stored.receipt, signal) : undefined;
      if (given.receipt !== undefined && proof !== undefined) writeReceipt(given.receipt, proof, given.force);
      const expiresAt = stored.receipt.at + content.expiresInSeconds;
      context.output.result(
        { id: stored.id, to: recipient.id, path, expiresAt, envelopeHash: stored.envelopeHash, ...proof },
        [
          ['id', stored.id],
          ['for', nameAndId(context, recipient.id)],
          ['path', path],
          ['expires', `${formatTime(expiresAt)} (in ${formatDuration(content.expiresInSeconds)})`],
        ],
      );
    } finally {
      content.content.fill(0);
    }
  },
});

async function wrapOffline(context: Context, to: string, about: About, given: Options): Promise<void> {
  const out = required(given.out, '--out', 'the file for the envelope');
  checkTarget(out, given.force);
  const writer = await readIdentity(context);
  const recipient = offlineKeyset(context, to, given.keyset);
  const content = { ...about, content: await readSecret(context, given.file) };
  try {
    const sealed = await sealWrap({ ...content, to: recipient, writer, iat: context.now() });
    writeWholeFile(out, sealed.storable, { isReplacing: given.force });
    context.output.result(
      { id: sealed.id, to: recipient.id, path: about.path, file: out, envelopeHash: sealed.envelopeHash },
      [
        ['id', sealed.id],
        ['for', nameAndId(context, recipient.id)],
        ['file', out],
      ],
    );
    context.output.note(
      'Store it within five minutes: the service refuses an envelope whose time is further from its own.',
    );
  } finally {
    content.content.fill(0);
  }
}

/** A keyset from a file, or the newest one that was seen of this id. @throws usage, integrity */
function offlineKeyset(context: Context, to: string, file: string | undefined): Keyset {
  const id = context.knownIdentities.resolve(to);
  const jws =
    file === undefined
      ? context.knownIdentities.seen(id)?.keyset
      : readTextFile(file, limits.keysetBytes, 'the keyset').trim();
  if (jws === undefined) {
    throw usage(
      `Cannot seal for ${to}: no keyset of this identity was seen here`,
      'fetch it with "letterlock identity show", or give --keyset',
    );
  }
  const keyset = verifyKeyset(jws);
  if (keyset.id !== id) throw usage(`Cannot seal: the keyset belongs to ${keyset.id}, not to ${id}`);
  noticeKeyset(context, keyset);
  return keyset;
}

type About = Omit<WrapContent, 'content'> & { readonly expiresInSeconds: number };

/** What is said about the secret; mistakes in it show before the secret is read. */
function aboutOf(path: string, { expires, window, file, name: givenName, type }: Options): About {
  const name = givenName ?? (file === undefined || file === '-' ? undefined : basename(file));
  return {
    path,
    expiresInSeconds: parseDuration(expires ?? '24h', '--expires'),
    windowSeconds: parseDuration(window ?? '60s', '--window'),
    ...(name === undefined ? {} : { name }),
    ...(type === undefined ? {} : { type }),
  };
}
