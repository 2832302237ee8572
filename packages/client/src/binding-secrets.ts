/**
 * Secrets of a SecretBinding, written from outside a pod or from one without an agent.
 * It must never let a value leave this process in clear, nor encrypt to a key that the pinned instance key has not signed.
 * @module
 */
import { encodeContent, encodeSecretMap, SecretBytes, sealEnvelope, secretMapType } from '@letterlock/crypto';
import {
  bindingPathOf,
  canonicalize,
  tokenWriterResponse,
  type EnvelopeHeader,
  type TokenWriterResponse,
} from '@letterlock/protocol';
import { readDocument } from './answers.ts';
import type { CallOptions, Deadline } from './deadline.ts';
import { storeNext } from './next-version.ts';
import { checkReceipt, readReceiptAnswer, type Receipt } from './receipts.ts';
import { envelopeBody } from './seal-wrap.ts';
import type { Session } from './session.ts';
import { bindingKey } from './workloads.ts';

export interface WriteBindingSecretOptions extends CallOptions {
  readonly namespace: string;
  readonly binding: string;
  /** Its name in the binding. */
  readonly secret: string;
  /** Exactly the keys that the binding lists. */
  readonly values: ReadonlyMap<string, SecretBytes | Uint8Array>;
  /** Must be higher than the latest. Default: the next, whatever the latest is. */
  readonly ver?: number | undefined;
}

/** A stored version. */
export interface WrittenBindingSecret {
  readonly path: string;
  readonly ver: number;
  readonly header: EnvelopeHeader;
  /** `spiffe://…` of every ServiceAccount that receives it. */
  readonly recipients: readonly string[];
  readonly receipt: Receipt;
}

export async function writeBindingSecret(
  session: Session,
  options: WriteBindingSecretOptions,
  deadline: Deadline,
): Promise<WrittenBindingSecret> {
  const { namespace, binding, secret, ver } = options;
  const writer = session.requireIdentity();
  const { key, recipients } = await bindingKey(session, { namespace, binding }, deadline);
  using map = encodeSecretMap(options.values);
  using content = SecretBytes.take(encodeContent({ type: secretMapType }, map.expose()));
  const path = bindingPathOf(namespace, binding, secret);
  const store = async (version: number): Promise<WrittenBindingSecret> => {
    const { envelope, header, eh } = await sealEnvelope({
      header: {
        kind: 'kv',
        mode: 'svc',
        path,
        ver: version,
        iat: await session.serverSeconds(deadline),
        rcp: recipients,
        bnd: `${namespace}/${binding}`,
      },
      content,
      recipients: [key],
      writer: writer.signingKey,
    });
    const body = envelopeBody(envelope);
    const reply = await session.call({ route: 'writeSecret', body: () => body, read: readReceiptAnswer }, deadline);
    const receipt = await checkReceipt(reply, reply.value, { id: header.id, eh, states: ['STORED'] });
    return { path, ver: version, header, recipients, receipt };
  };
  // Awaited here: the content is erased when this function is left.
  return await (ver === undefined ? storeNext(undefined, store) : store(ver));
}

/** Registers the identity for ten minutes as a writer without an agent. @param token - of audience `letterlock-write:<td>` */
export async function registerTokenWriter(
  session: Session,
  token: string,
  deadline: Deadline,
): Promise<TokenWriterResponse> {
  const { keyset } = session.requireIdentity();
  if (keyset === undefined) throw new TypeError('Cannot register: the identity has no keyset');
  const { value } = await session.call(
    {
      route: 'tokenWriter',
      body: () => canonicalize({ keyset, token }),
      read: (body) => readDocument(tokenWriterResponse, body),
    },
    deadline,
  );
  return value;
}
