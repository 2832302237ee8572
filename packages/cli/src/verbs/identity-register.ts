/**
 * `letterlock identity register`: makes this key known to the service, with evidence.
 * It must never send a private key, nor register without the key's own signature.
 * @module
 */
import { LetterlockClient, type Evidence } from '@letterlock/client';
import { readCertificate } from '@letterlock/crypto';
import { encodeBase64url, limits } from '@letterlock/protocol';
import { connect, type Connected } from '../connect.ts';
import type { Context } from '../context.ts';
import { usage } from '../exit-status.ts';
import { readTextFile } from '../files/read-file.ts';
import { nextKeyset } from '../next-keyset.ts';
import { noticeKeyset } from '../people.ts';
import { patienceFor, readKeys } from '../read-keys.ts';
import { defineVerb, type OptionValues } from '../verb.ts';

const options = {
  name: { flags: '--name <name>', help: 'your name, for display to others; pinned here for your id' },
  adminKey: { flags: '--admin-key <key>', help: 'evidence: key file or card of an admin, who signs for your id' },
  evidence: {
    flags: '--evidence <file>',
    help: 'evidence: what an admin wrote with "letterlock identity admit --out"',
  },
  chain: {
    flags: '--chain <file>',
    help: 'evidence: certificate chain in PEM, leaf first, to a CA that the service knows',
  },
} as const;

export const verb = defineVerb({
  description:
    'A new id needs evidence of one kind, unless an admin has admitted it before. Registering the same again changes nothing.',
  options,
  examples: [
    {
      command: 'letterlock identity register --key alice.key --name alice --admin-key admin.key',
      does: 'register, with the key of an admin at hand',
    },
    {
      command: 'letterlock identity register --key alice.key --name alice --evidence alice.admit',
      does: 'register with what an admin sent you',
    },
    {
      command: 'letterlock identity register --key me.key --chain me.chain.pem',
      does: 'register a key that a CA certified',
    },
  ],
  async run(context, { options: given }) {
    using connected = await connect(context);
    const { client } = connected;
    const { signal } = context;
    const evidence = await evidenceOf(context, connected, given);
    const keyset = await nextKeyset(context, connected, given.name);
    const { id, seq } = await context.progress('Registering', client.register({ keyset, evidence, signal }));
    noticeKeyset(context, await client.identity(id, { signal }));
    if (given.name !== undefined && context.knownIdentities.nameOf(id) === undefined)
      context.knownIdentities.pin(given.name, id, false);
    context.output.result({ id, seq, name: given.name }, [
      ['id', id],
      ['keyset', `number ${seq}`],
      ...(given.name === undefined ? [] : ([['name', given.name]] as const)),
    ]);
  },
});

async function evidenceOf(
  context: Context,
  connected: Connected,
  given: OptionValues<typeof options>,
): Promise<Evidence | undefined> {
  const kinds = [given.adminKey, given.evidence, given.chain].filter((kind) => kind !== undefined);
  if (kinds.length > 1)
    throw usage(
      'Cannot register: more than one kind of evidence is given',
      'give one of --admin-key, --evidence, --chain',
    );
  if (given.adminKey !== undefined) return { t: 'op', jws: await signAsAdmin(context, connected, given.adminKey) };
  if (given.evidence !== undefined)
    return { t: 'op', jws: readTextFile(given.evidence, limits.operationBytes, 'the evidence').trim() };
  if (given.chain !== undefined) return { t: 'x509', chain: readChain(given.chain) };
  return undefined;
}

async function signAsAdmin(
  context: Context,
  { service, fingerprint, identity }: Connected,
  path: string,
): Promise<string> {
  const { signingKey, openingKeys } = await readKeys(context, path);
  using admin = new LetterlockClient({
    address: service.address,
    pick: () => 0,
    trust: { pinned: fingerprint },
    identity: { id: signingKey.thumbprint, signingKey, openingKeys },
    ...patienceFor({ signingKey }),
  });
  return await admin.signOperation('identity.put', { id: identity.id }, { signal: context.signal });
}

function readChain(path: string): readonly string[] {
  const text = readTextFile(path, limits.certificateChainLength * limits.certificateBytes * 2, 'the certificate chain');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw usage(`Cannot read the certificate chain: ${path} has no PEM certificate`);
  return blocks.map((block) => encodeBase64url(readCertificate(block).der));
}
