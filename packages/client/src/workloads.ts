/**
 * Workloads of Kubernetes at the direct listener: enrolling a pod's agent, and the key of a binding.
 * It must never take a binding's key that the pinned instance key has not signed for that very binding.
 * @module
 */
import { openBindingKey, type SealingKey } from '@letterlock/crypto';
import {
  bindingKeyResponse,
  canonicalize,
  enrolResponse,
  type EnrolResponse,
  type OnceSecret,
} from '@letterlock/protocol';
import { readDocument } from './answers.ts';
import type { Deadline } from './deadline.ts';
import { integrityOf } from './errors.ts';
import type { Session } from './session.ts';

/** What a writer must know of a binding. */
export interface BindingKey {
  readonly key: SealingKey;
  /** `spiffe://…` of every ServiceAccount that receives. */
  readonly recipients: readonly string[];
  /** Secrets that are written as wraps, each opened by one pod only. */
  readonly once: readonly OnceSecret[];
}

/** @param token - of audience `letterlock-enrol:<td>`. @returns the certificate chain and the bundle */
export async function enrol(session: Session, token: string, deadline: Deadline): Promise<EnrolResponse> {
  const { keyset } = session.requireIdentity();
  if (keyset === undefined) throw new TypeError('Cannot enrol: the identity has no keyset');
  const { value } = await session.call(
    { route: 'enrol', body: () => canonicalize({ keyset, token }), read: (body) => readDocument(enrolResponse, body) },
    deadline,
  );
  return value;
}

export async function bindingKey(
  session: Session,
  binding: { readonly namespace: string; readonly binding: string },
  deadline: Deadline,
): Promise<BindingKey> {
  const { namespace, binding: name } = binding;
  const reply = await session.call(
    {
      route: 'bindingKey',
      segments: { ns: namespace, name },
      read: (body) => readDocument(bindingKeyResponse, body),
    },
    deadline,
  );
  const nowSeconds = await session.serverSeconds(deadline);
  const bnd = `${namespace}/${name}`;
  return integrityOf('binding key', () =>
    openBindingKey(reply.value.bk, reply.server!.instanceKey, { nowSeconds, bnd }),
  );
}
