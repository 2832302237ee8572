/**
 * What an admin does to an unsealed service: signed operations, grants, explanations.
 * It must never sign an operation without the verified instance in it.
 * @module
 */
import { randomIdentifier, readOperation, signOperation as signClaims } from '@letterlock/crypto';
import {
  canonicalize,
  emptyBody,
  explainResponse,
  grantsResponse,
  lifetimes,
  operations,
  progressResponse,
  sealResponse,
  type ExplainRequest,
  type ExplainResponse,
  type Grant,
  type Operation,
  type OperationArguments,
  type OperationName,
  type ProgressResponse,
} from '@letterlock/protocol';
import { readDocument } from './answers.ts';
import type { Deadline } from './deadline.ts';
import { ConnectionError } from './errors.ts';
import type { Session } from './session.ts';

/** Operations of a running installation; `init` has a call of its own. */
export type RunningOperation = Exclude<OperationName, 'init'>;
/** Done, or how many signatures there are and are needed. */
export type OperationOutcome = { readonly isDone: true } | ({ readonly isDone: false } & ProgressResponse);

/** Life of a signed operation unless the caller says otherwise, seconds. */
const operationSeconds = lifetimes.issuedAtSkew;

/**
 * Signs an operation with the client's admin key for the verified instance.
 * @param expiresInSeconds - at most 7 days. @throws 'bad_encoding' for arguments that are not well formed
 */
export async function signOperation<N extends RunningOperation>(
  session: Session,
  name: N,
  args: OperationArguments<N>,
  expiresInSeconds: number | undefined,
  deadline: Deadline,
): Promise<string> {
  const { signingKey } = session.requireIdentity();
  const lifeSeconds = expiresInSeconds ?? operationSeconds;
  if (!Number.isInteger(lifeSeconds) || lifeSeconds < 1 || lifeSeconds > lifetimes.operationMaximum) {
    throw new RangeError(`Cannot sign: expiresInSeconds must be an integer from 1 to ${lifetimes.operationMaximum}`);
  }
  const read = operations[name](args, 'args');
  const { instance } = await session.server(deadline);
  const exp = (await session.serverSeconds(deadline)) + lifeSeconds;
  return signClaims(signingKey, { args: read, exp, inst: instance, nonce: randomIdentifier(), op: name } as Operation);
}

/**
 * Adds the client's signature to an operation that another admin has signed: to the same bytes, and only if they say what
 * is expected. @param signed - the other admin's JWS
 * @throws RangeError when it says something else, is for another installation, or has expired; 'bad_encoding'
 */
export async function cosignOperation<N extends RunningOperation>(
  session: Session,
  name: N,
  args: OperationArguments<N>,
  signed: string,
  deadline: Deadline,
): Promise<string> {
  const { signingKey } = session.requireIdentity();
  const { operation } = readOperation(signed);
  const { instance } = await session.server(deadline);
  const nowSeconds = await session.serverSeconds(deadline);
  const isExpected = operation.op === name && canonicalize(operation.args) === canonicalize(args);
  if (!isExpected) throw new RangeError('Cannot sign: the other admin has signed something else');
  if (operation.inst !== instance) throw new RangeError('Cannot sign: the operation is for another installation');
  if (operation.exp <= nowSeconds) throw new RangeError('Cannot sign: the operation has expired');
  return signClaims(signingKey, operation);
}

/** Submits signed operations: byte-equal payloads by several admins count together. @throws LetterlockError 'denied', 'conflict' */
export async function submitOperations(
  session: Session,
  signed: readonly string[],
  deadline: Deadline,
): Promise<OperationOutcome> {
  const { value } = await session.call(
    {
      route: 'operation',
      body: () => canonicalize({ ops: signed }),
      read: (body, status): OperationOutcome => {
        if (status === 202) return { isDone: false, ...readDocument(progressResponse, body) };
        readDocument(emptyBody, body);
        return { isDone: true };
      },
    },
    deadline,
  );
  return value;
}

/** One for each replica of a usual installation. */
const sealAttempts = 3;

/**
 * Seals the service, which one replica does for all. To seal twice is to seal: after a lost answer another replica is told
 * by an operation of its own. @returns the new epoch. @throws LetterlockError 'sealed' when all are
 */
export async function sealService(session: Session, deadline: Deadline): Promise<{ readonly epoch: number }> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sealOnce(session, deadline);
    } catch (error) {
      const isLost = error instanceof ConnectionError && error.outcome === 'unknown' && error.code !== 'bad_answer';
      if (!isLost || attempt >= sealAttempts) throw error;
      deadline.throwIfOver('unknown');
    }
  }
}

async function sealOnce(session: Session, deadline: Deadline): Promise<{ readonly epoch: number }> {
  const signed = await signOperation(session, 'seal', {}, undefined, deadline);
  const { value } = await session.call(
    {
      route: 'seal',
      body: () => canonicalize({ ops: [signed] }),
      read: (body) => readDocument(sealResponse, body),
    },
    deadline,
  );
  return value;
}

/** All grants. @throws LetterlockError 'denied' */
export async function listGrants(session: Session, deadline: Deadline): Promise<readonly Grant[]> {
  const { value } = await session.call(
    { route: 'grants', read: (body) => readDocument(grantsResponse, body) },
    deadline,
  );
  return value.grants;
}

/** Whether and why somebody may do something. @throws LetterlockError 'denied' */
export async function explain(session: Session, request: ExplainRequest, deadline: Deadline): Promise<ExplainResponse> {
  const { path, verb, who } = request;
  const { value } = await session.call(
    {
      route: 'explain',
      body: () => canonicalize({ path, verb, who }),
      read: (body) => readDocument(explainResponse, body),
    },
    deadline,
  );
  return value;
}
