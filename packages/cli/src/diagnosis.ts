/**
 * The checks of `letterlock doctor`.
 * It must never stop at the first finding, nor send a proof.
 * @module
 */
import { statSync } from 'node:fs';
import { inspectServer, type ServerInspection } from '@letterlock/client';
import { lifetimes } from '@letterlock/protocol';
import { readIdentity } from './connect.ts';
import type { Context } from './context.ts';
import { endingOf } from './exit-status.ts';
import { isCardUri } from './pkcs11/pkcs11-uri.ts';
import { knownServer, readService, type Service } from './service.ts';
import { formatTime } from './time-text.ts';

export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do. */
  readonly fix?: string;
}

const leastNode = 26;
/** From here a person should know; from `lifetimes.issuedAtSkew` what we sign offline is refused. */
const clockWarningSeconds = 60;

/** All findings, in the order in which the causes build on each other. */
export async function diagnose(context: Context): Promise<readonly Finding[]> {
  return [
    checkNode(),
    await checkConfiguration(context),
    await checkKey(context),
    ...checkClaims(context),
    ...(await checkServer(context)),
  ];
}

function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const found = `Node ${process.versions.node}`;
  return major >= leastNode
    ? { check: 'runtime', level: 'ok', found }
    : { check: 'runtime', level: 'fail', found, fix: `install Node ${leastNode} or newer` };
}

async function checkConfiguration(context: Context): Promise<Finding> {
  const check = 'configuration';
  try {
    const { profileName } = await context.settings();
    context.knownServers.all();
    context.knownIdentities.names();
    return { check, level: 'ok', found: `profile ${profileName}, files in ${context.folders.config}` };
  } catch (error) {
    return failure(check, error);
  }
}

async function checkKey(context: Context): Promise<Finding> {
  const check = 'key';
  try {
    const { keyPath } = await context.settings();
    if (keyPath === undefined) {
      return {
        check,
        level: 'warn',
        found: 'none is chosen',
        fix: 'make one: letterlock key generate --out me.key; choose it with --key or LETTERLOCK_KEY',
      };
    }
    const { id } = await readIdentity(context, { needsPrivate: false });
    if (isCardUri(keyPath)) return { check, level: 'ok', found: `on a card, id ${id}` };
    const mode = (statSync(keyPath).mode & 0o777).toString(8);
    return { check, level: 'ok', found: `${keyPath} (mode ${mode}), id ${id}` };
  } catch (error) {
    return failure(check, error);
  }
}

function checkClaims(context: Context): readonly Finding[] {
  const ids = context.claims.ids();
  if (ids.length === 0) return [];
  return [
    {
      check: 'opens',
      level: 'warn',
      found: `${ids.length} interrupted`,
      fix: `resume with: letterlock open ${ids[0]!}`,
    },
  ];
}

async function checkServer(context: Context): Promise<readonly Finding[]> {
  try {
    const service = await readService(context);
    const found: Finding[] = [];
    for (const part of service.parts) found.push(...(await checkReplica(context, service, part)));
    return found;
  } catch (error) {
    return [failure('service', error)];
  }
}

async function checkReplica(
  context: Context,
  service: Service,
  { shown: origin, address }: Service['parts'][number],
): Promise<readonly Finding[]> {
  const check = 'service';
  let shown: ServerInspection;
  try {
    shown = await inspectServer(address, { signal: context.signal, timeoutMilliseconds: 10_000 });
  } catch (error) {
    return [failure(check, error)];
  }
  const isUsable = shown.state === 'unsealed';
  return [
    isUsable
      ? { check, level: 'ok', found: `${origin} answers, unsealed` }
      : {
          check,
          level: 'warn',
          found: `${origin} answers, ${shown.state}`,
          fix:
            shown.state === 'sealed'
              ? 'an admin runs: letterlock unseal; why a pod in Kubernetes stays sealed says: kubectl letterlock doctor'
              : 'an admin runs: letterlock init',
        },
    checkClock(context.now(), shown.serverSeconds),
    await checkPin(context, service, shown),
  ];
}

function checkClock(localSeconds: number, serverSeconds: number | undefined): Finding {
  const check = 'clock';
  if (serverSeconds === undefined) return { check, level: 'warn', found: 'the service did not tell its time' };
  const skew = localSeconds - serverSeconds;
  const both = `here ${formatTime(localSeconds)}, at the service ${formatTime(serverSeconds)}`;
  if (Math.abs(skew) <= clockWarningSeconds) return { check, level: 'ok', found: both };
  return {
    check,
    level: Math.abs(skew) > lifetimes.issuedAtSkew ? 'fail' : 'warn',
    found: `${both}: ${Math.abs(skew)} s ${skew > 0 ? 'ahead' : 'behind'}`,
    fix: 'set the clock of this machine, or of the service if that is the wrong one',
  };
}

async function checkPin(context: Context, service: Service, shown: ServerInspection): Promise<Finding> {
  const check = 'pin';
  const { trust } = await context.settings();
  const pinned = trust ?? knownServer(context, service)?.fingerprint;
  if (pinned === undefined) {
    return {
      check,
      level: 'warn',
      found: 'this service is not pinned',
      fix: 'compare its fingerprint, then: letterlock trust add',
    };
  }
  if (shown.fingerprint === undefined)
    return { check, level: 'warn', found: `${pinned} is pinned, the service has no key yet` };
  if (shown.fingerprint !== pinned) {
    return {
      check,
      level: 'fail',
      found: `${pinned} is expected, the service shows ${shown.fingerprint}`,
      fix: 'compare with who runs it; a restarted transient service is a new instance: letterlock trust add --replace',
    };
  }
  return {
    check,
    level: shown.isSigned ? 'ok' : 'warn',
    found: shown.isSigned ? `${pinned}, signed` : `${pinned}, not signed while sealed`,
  };
}

function failure(check: string, error: unknown): Finding {
  const [found = '', ...fix] = endingOf(error)
    .line.replace(/^letterlock: /, '')
    .split('; ');
  return { check, level: 'fail', found, ...(fix.length === 0 ? {} : { fix: fix.join('; ') }) };
}
