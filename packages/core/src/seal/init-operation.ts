/**
 * Judges an `init` operation: only an admin whose certificate the configuration names may initialise, and only as configured.
 * It must never let the first caller win.
 * @module
 */
import { readOperation, verifyJws } from '@letterlock/crypto';
import { decodeBase64url, lifetimes, ProblemError, type OperationArguments } from '@letterlock/protocol';
import { readAdminCertificate, type Admin, type InitConfiguration } from './admin-certificate.ts';
import { conflict, strangerProblem } from './seal-problems.ts';

/** @throws 'bad_encoding' for its form, 'bad_proof' for a stranger. */
export function receiveInitOperation(
  jws: string,
  admins: readonly Admin[],
): { admin: Admin; check: (c: InitContext) => void } {
  const { jws: parsed, operation } = readOperation(jws);
  const admin = admins.find(({ id }) => id === parsed.header.kid);
  if (admin === undefined) throw strangerProblem();
  if (!verifyJws(parsed, admin.verifyingKey)) throw new ProblemError('bad_proof', { reason: 'signature_invalid' });
  return {
    admin,
    check: (context) => {
      if (operation.op !== 'init') throw conflict('operation_kind', 'The operation is not init');
      checkInit(operation.args, operation.exp, context);
    },
  };
}

/** What the arguments are compared with. */
export interface InitContext {
  readonly configuration: InitConfiguration;
  readonly boot: string;
  readonly nowSeconds: number;
}

function checkInit(
  args: OperationArguments<'init'>,
  exp: number,
  { configuration, boot, nowSeconds }: InitContext,
): void {
  if (exp <= nowSeconds || exp > nowSeconds + lifetimes.operationMaximum) {
    throw conflict('operation_expired', `The operation must expire within ${lifetimes.operationMaximum} s from now`);
  }
  if (args.boot !== boot) throw conflict('init_boot', 'The operation is for another process or an earlier start of it');
  if (args.k !== configuration.threshold) throw conflict('init_threshold', 'The threshold is not the configured one');
  const named = args.admins.map((certificate) => readAdminCertificate(decodeBase64url(certificate)).id);
  const configured = configuration.admins.map(({ id }) => id);
  if (named.toSorted().join() !== configured.toSorted().join()) {
    throw conflict('init_admins', 'The certificates are not exactly those of the configuration');
  }
}
