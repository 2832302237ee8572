/**
 * `letterlock identity show`: fetches and verifies an identity, and pins a name for it.
 * It must never pin a name over another id unasked.
 * @module
 */
import { connect } from '../connect.ts';
import { fetchKeyset } from '../people.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'The id is verified with the keyset itself; that the id is the person you mean is for you to compare, before --pin. ' +
    'A name that is pinned to another id is refused, exit status 8.',
  arguments: { '[id]': 'an id or a pinned name; default: your own' },
  options: {
    pin: { flags: '--pin <name>', help: 'from now on this name means this id, here' },
    force: { flags: '--force', help: 'pin although the name means another id so far' },
    keyset: { flags: '--keyset', help: 'print only the keyset' },
  },
  examples: [
    { command: 'letterlock identity show KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI --pin bob', does: 'pin bob' },
    {
      command: 'letterlock identity show bob --keyset > bob.keyset',
      does: 'keep the keyset, for wrap --offline elsewhere',
    },
  ],
  async run(context, { arguments: [given], options }) {
    using connected = await connect(context);
    const keyset = await fetchKeyset(context, connected, given ?? connected.identity.id);
    const { id, seq, name, enc, sig, iat, exp } = keyset;
    if (options.pin !== undefined) context.knownIdentities.pin(options.pin, id, options.force);
    if (options.keyset) {
      context.output.result({ id, keyset: keyset.jws }, [['', keyset.jws]]);
      return;
    }
    const pinnedAs = context.knownIdentities.nameOf(id);
    context.output.result(
      { id, name, seq, pinnedAs, signs: sig.kind, receives: enc.kind, receivingKey: enc.thumbprint, iat, exp },
      [
        ['id', id],
        ['calls itself', name ?? 'nothing'],
        ['pinned as', pinnedAs ?? 'not pinned'],
        ['keyset', `number ${seq}, signed ${formatTime(iat)}`],
        ['receives with', `${enc.kind} ${enc.thumbprint}`],
        ...(exp === undefined ? [] : ([['ends', formatTime(exp)]] as const)),
      ],
    );
  },
});
