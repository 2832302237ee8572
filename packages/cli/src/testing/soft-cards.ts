/**
 * Smart cards for tests: tokens of SoftHSM in a folder of their own, reached as real cards are.
 * It must never be skipped where SoftHSM is missing: it is fetched, or the tests fail and say so.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Getting the packages takes a minute, once for a machine. */
export const cardInstallMilliseconds = 300_000;

const installScript = join(import.meta.dirname, '../../../../tools/smart-cards/install.sh');
const securityOfficerPin = '12345678';

export interface SoftCards extends Disposable {
  readonly module: string;
  /** What a program needs to reach the cards. */
  readonly environment: Readonly<Record<string, string>>;
  /** A new token with no key. */
  makeToken(label: string, pin: string): void;
  /** A new key pair on a token. @param type - such as `EC:prime256v1`; `id` is hexadecimal */
  makeKey(o: {
    readonly token: string;
    readonly pin: string;
    readonly type: string;
    readonly label: string;
    readonly id: string;
    /** Default: sign, derive and decrypt. */
    readonly usages?: readonly string[];
  }): void;
  /** Runs pkcs11-tool. @returns standard output */
  tool(given: readonly string[]): string;
}

/** An empty folder of tokens. */
export function makeSoftCards(): SoftCards {
  const installed = run(installScript, [], {});
  const programs = installed.trim();
  const folder = mkdtempSync(join(tmpdir(), 'letterlock-cards-'));
  mkdirSync(join(folder, 'tokens'));
  const configuration = join(folder, 'softhsm2.conf');
  writeFileSync(configuration, `directories.tokendir = ${join(folder, 'tokens')}\nlog.level = ERROR\n`);
  const module = join(programs, 'libsofthsm2.so');
  const environment = {
    PATH: `${join(programs, 'bin')}:${process.env['PATH'] ?? ''}`,
    SOFTHSM2_CONF: configuration,
  };
  const tool = (given: readonly string[]): string =>
    run(join(programs, 'bin/pkcs11-tool'), ['--module', module, ...given], environment);
  return {
    module,
    environment,
    tool,
    makeToken: (label, pin) => {
      const pins = ['--so-pin', securityOfficerPin, '--pin', pin];
      run(join(programs, 'bin/softhsm2-util'), ['--init-token', '--free', '--label', label, ...pins], environment);
    },
    makeKey: ({ token, pin, type, label, id, usages }) => {
      const defaults = type.startsWith('EC') ? ['--usage-sign', '--usage-derive'] : ['--usage-sign', '--usage-decrypt'];
      const key = ['--keypairgen', '--key-type', type, '--label', label, '--id', id, ...(usages ?? defaults)];
      tool(['--token-label', token, '--login', '--pin', pin, ...key]);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function run(program: string, given: readonly string[], environment: Readonly<Record<string, string>>): string {
  const { status, stdout, stderr, error } = spawnSync(program, given, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    timeout: cardInstallMilliseconds,
  });
  if (status === 0) return stdout;
  throw new Error(`Cannot make a smart card: ${program} ended with ${status}: ${stderr}${error?.message ?? ''}`);
}
