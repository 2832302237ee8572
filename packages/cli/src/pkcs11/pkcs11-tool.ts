/**
 * `pkcs11-tool` of OpenSC, run once per step: the one program that loads the module of a card.
 * It must never put a PIN into arguments, nor show what the program or the module printed.
 * @module
 */
import { spawnSync } from 'node:child_process';
import type { Environment } from '../settings.ts';
import { CommandError, usage } from '../exit-status.ts';

/** A step that did not work; `failure` is a row of the table below, or the return value of PKCS#11 in it. */
export interface Failed {
  readonly isDone: false;
  readonly failure: ToolFailure;
  /** Name of the return value, such as CKR_GENERAL_ERROR. */
  readonly returnValue: string | undefined;
}
/** The output is the caller's to erase. */
export type ToolAnswer = { readonly isDone: true; readonly output: Buffer } | Failed;

export interface ToolStep {
  readonly arguments: readonly string[];
  /** Default: standard input is empty. */
  readonly input?: Uint8Array;
  /** Default: no login. */
  readonly pin?: Uint8Array | undefined;
}
export type RunTool = (step: ToolStep) => ToolAnswer;

/** What a failure is, by what the program prints; the first row that matches counts. */
const failurePatterns = {
  module: /failed to load pkcs11 module|cannot open shared object|invalid ELF/i,
  pinWrong: /CKR_PIN_(?:INCORRECT|INVALID|LEN_RANGE|EXPIRED)/,
  pinLocked: /CKR_PIN_LOCKED/,
  token: /CKR_TOKEN_NOT_(?:PRESENT|RECOGNIZED)|CKR_SLOT_ID_INVALID|CKR_DEVICE_REMOVED|No slots?\b/i,
  key: /private key not found|object not found|key not found/i,
  mechanism: /CKR_(?:MECHANISM_(?:PARAM_)?INVALID|ARGUMENTS_BAD|FUNCTION_NOT_SUPPORTED)|mechanism .*not supported/i,
  permission: /CKR_KEY_(?:FUNCTION_NOT_PERMITTED|TYPE_INCONSISTENT)/,
  data: /CKR_(?:ENCRYPTED_DATA|WRAPPED_KEY|DATA)_(?:INVALID|LEN_RANGE)/,
} as const;
export type ToolFailure = keyof typeof failurePatterns | 'other';

const program = 'pkcs11-tool';
/** A person may have to touch the card. */
const timeLimitMilliseconds = 60_000;
const outputBytes = 262_144;
const pinVariable = 'LETTERLOCK_CARD_PIN';

/** Runs steps against one module. The module gets the user's environment, by which modules are configured, without ours. */
export function toolOf(modulePath: string, environment: Environment): RunTool {
  const inherited = Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('LETTERLOCK_')));
  return ({ arguments: given, input, pin }) => {
    // The only way into the program besides the command line; a string that nobody can erase, so it is made late.
    const secret = pin === undefined ? {} : { [pinVariable]: Buffer.from(pin).toString() };
    const login = pin === undefined ? [] : ['--login', '--pin', `env:${pinVariable}`];
    const child = spawnSync(program, ['--module', modulePath, ...login, ...given], {
      input: input ?? new Uint8Array(0),
      env: { ...inherited, ...secret, LC_ALL: 'C' },
      timeout: timeLimitMilliseconds,
      maxBuffer: outputBytes,
      killSignal: 'SIGKILL',
    });
    const { code } = (child.error ?? {}) as { readonly code?: string };
    if (code === 'ENOENT') {
      throw usage('Cannot use the card: the program pkcs11-tool is not installed', 'install OpenSC (Debian: opensc)');
    }
    if (code === 'ETIMEDOUT') {
      throw new CommandError('unavailable', 'Cannot use the card: it did not answer within 60 s', 'plug it in again');
    }
    if (child.status === 0) return { isDone: true, output: child.stdout };
    if (child.signal === 'SIGINT') throw new DOMException('Interrupted', 'AbortError');
    child.stdout?.fill(0);
    return failedBy(child.stderr?.toString('latin1') ?? '');
  };
}

function failedBy(told: string): Failed {
  const names = Object.keys(failurePatterns) as (keyof typeof failurePatterns)[];
  const failure = names.find((name) => failurePatterns[name].test(told)) ?? 'other';
  return { isDone: false, failure, returnValue: /\bCKR_[A-Z_]{1,60}\b/.exec(told)?.[0] };
}
