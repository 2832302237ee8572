/**
 * Writing a secret of a SecretBinding: by a key that the binding lists, or by a pod's token where it lists `factor: Token`.
 * It must never send a value in clear, nor print one.
 * @module
 */
import { createIdentity } from '@letterlock/client';
import { isProblemError, limits } from '@letterlock/protocol';
import { connect, type Connected } from './connect.ts';
import type { Context } from './context.ts';
import { CommandError, usage } from './exit-status.ts';
import { readTextFile } from './files/read-file.ts';
import { nextKeyset, registeredKeyset } from './next-keyset.ts';
import { explainSecretRefusal } from './refusals.ts';
import { eraseValues, readSecretValues, type ValueSources } from './secret-values.ts';

export interface BindingWrite extends ValueSources {
  /** `namespace/name`. */
  readonly binding: string;
  readonly secret: string;
  readonly ver: number | undefined;
  /** File with the token of a pod without an agent. */
  readonly writerToken: string | undefined;
}

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export async function writeToBinding(context: Context, request: BindingWrite): Promise<void> {
  const { secret, ver, writerToken } = request;
  const [namespace = '', binding = '', ...more] = request.binding.split('/');
  if (!label.test(namespace) || !label.test(binding) || more.length > 0)
    throw usage('Cannot use --binding: need NAMESPACE/NAME', 'write it as in --binding shop/orders-db');
  if (!label.test(secret))
    throw usage(
      'Cannot write: need the name of a secret of the binding',
      `"kubectl -n ${namespace} get lsb ${binding} -o yaml" lists them`,
    );
  const values = await readSecretValues(context, request);
  try {
    const token =
      writerToken === undefined ? undefined : readTextFile(writerToken, limits.tokenBytes, 'the token').trim();
    using connected = await connect(context, token === undefined ? undefined : createIdentity());
    const { client, identity } = connected;
    const { signal } = context;
    const written = await context
      .progress(
        'Storing',
        (async () => {
          await (token === undefined
            ? registerByBinding(context, connected, { ns: namespace, name: binding })
            : client.registerTokenWriter(token, { signal }));
          return client.writeBindingSecret({ namespace, binding, secret, values, ver, signal });
        })(),
      )
      .catch((error: unknown) => {
        throw explain(context, {
          namespace,
          binding,
          secret,
          error,
          id: token === undefined ? identity.id : undefined,
        });
      });
    const { path, recipients, receipt } = written;
    const keys = [...values.keys()];
    context.output.result({ path, ver: written.ver, keys, recipients, receipt: receipt.jws }, [
      ['version', String(written.ver)],
      ['binding', `${namespace}/${binding}`],
      ['keys', keys.join(', ')],
      ...recipients.map((recipient) => ['for', recipient] as const),
    ]);
  } finally {
    eraseValues(values);
  }
}

/** That the binding lists the key is evidence enough. */
async function registerByBinding(
  context: Context,
  connected: Connected,
  place: { readonly ns: string; readonly name: string },
): Promise<void> {
  if ((await registeredKeyset(context, connected)) !== undefined) return;
  const keyset = await nextKeyset(context, connected, undefined);
  await connected.client.register({ keyset, evidence: { t: 'binding', ...place }, signal: context.signal });
}

function explain(
  context: Context,
  o: {
    readonly namespace: string;
    readonly binding: string;
    readonly secret: string;
    /** Absent: a pod's token was the evidence. */
    readonly id: string | undefined;
    readonly error: unknown;
  },
): unknown {
  const { namespace, binding, secret, id, error } = o;
  if (!isProblemError(error)) return error;
  const place = `${namespace}/${binding}`;
  if (error.code === 'denied')
    return new CommandError(
      'denied',
      `Cannot write: ${place} does not list this writer for ${secret}`,
      id === undefined
        ? 'its spec.writers.serviceAccounts must have the pod’s, with factor: Token'
        : `its spec.writers.identities must have {name: …, thumbprint: ${id}, secrets: [${secret}]}; what opens Once is written by pods with an agent`,
      error,
    );
  if (error.code === 'not_found')
    return new CommandError(
      'gone',
      `Cannot write: there is no binding ${place}, or it has no key yet`,
      'see "kubectl get lsb -A"',
      error,
    );
  return explainSecretRefusal(context, `${place}/${secret}`, error);
}
