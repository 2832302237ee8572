/**
 * The audit record: who did what to which object, by which factor, with which outcome; no free text.
 * It must never hold content, keys, tokens or values of a request.
 * @module
 */
export const auditActs = [
  'wrap.store',
  'wrap.open',
  'wrap.redeliver',
  'wrap.acknowledge',
  'wrap.revoke',
  'wrap.status',
  'wrap.burn',
  'wrap.expire',
  'wrap.purge',
  'secret.write',
  'secret.read',
  'secret.list',
  'secret.versions',
  'secret.destroy',
  'secret.expire',
  'identity.register',
  'identity.rotate',
  'identity.put',
  'identity.revoke',
  'identity.read',
  'identity.list',
  'grant.put',
  'grant.delete',
  'grant.list',
  'explain',
  'init',
  'unseal.share',
  'unseal',
  'seal',
  'share.ack',
  'authority.create',
  'authority.publish',
  'authority.switch',
  'authority.retire',
  'peer.unseal',
  'peer_unseal.set',
  'images.set',
  'workload.enrol',
  'workload.renew',
  'workload.token',
  'workload.revoke',
  'workload.alarm',
  'binding.key',
  'binding.purge',
  /** Fills a number whose transaction had no answer and is now known not to have happened, or lists such numbers. */
  'audit.void',
] as const;
export type AuditAct = (typeof auditActs)[number];

/**
 * How the caller proved itself. `admin`: signature inside the body; `configuration`: applied at initialisation; `service`: the
 * sweeper; `peer`: an attested boot key; `svid`: a pod's certificate; `svid-token`: that and its application's token;
 * `token`: a key that a pod's token has registered for a short time.
 */
export type AuditFactor =
  'proof' | 'mtls' | 'admin' | 'configuration' | 'service' | 'peer' | 'svid' | 'svid-token' | 'token';
export type AuditListener = 'direct' | 'agent' | 'peer' | 'none';
/** What bound the proof to the connection. */
export type ChannelBindingKind = 'exporter' | 'key' | 'none';

/** What the deciding code knows; the trail adds v, rep, seq, at and void. */
export interface AuditFacts {
  readonly act: AuditAct;
  /** Identity id of the caller, or `service`. */
  readonly who: string;
  readonly factor: AuditFactor;
  readonly listener: AuditListener;
  readonly cb: ChannelBindingKind;
  /** Logical name of the object: `wrap/<id>`, `secret/<path>` or `secret/<path>#<version>`, `id/<id>`, `grant/<who>`, `sys/seal`, a pod's SPIFFE id, `bk/<namespace>/<binding>`. */
  readonly obj: string;
  readonly outcome: 'ok' | 'refused';
  /** Lower snake case reason; `ok` for success. */
  readonly reason: string;
  /** Request id. */
  readonly req: string;
}
export interface AuditRecord extends AuditFacts {
  readonly v: 1;
  /** Replica id: first 8 bytes of the boot TLS key's thumbprint, b64u, 11 characters. */
  readonly rep: string;
  readonly seq: number;
  /** Seconds. */
  readonly at: number;
  /** Earlier numbers of this replica whose transaction did not happen. */
  readonly void: readonly number[];
}
