/**
 * One run of the command line: builds it, does the verb, and ends with one line for an error.
 * It must never repeat a value of the command line in an error: it may be a secret in the wrong place.
 * @module
 */
import { CommanderError } from 'commander';
import { buildProgram } from './build-program.ts';
import { processContext } from './context.ts';
import { hideDashedIds, showDashedIds } from './dashed-ids.ts';
import { endingOf, exitStatus, usage, type CommandError, type Ending } from './exit-status.ts';
import type { GlobalOptions } from './settings.ts';

/** Runs one command line. @returns the exit status */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const interruption = new AbortController();
  const stop = (): void => {
    // The second time nobody waits for manners.
    if (interruption.signal.aborted) process.exit(exitStatus.interrupted);
    interruption.abort(new DOMException('Interrupted', 'AbortError'));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  // A reader that has seen enough, such as head, is no failure; `open` watches its own writing.
  process.stdout.on('error', () => undefined);
  try {
    const program = await buildProgram(new Set(argv), async (verb, command) => {
      const context = processContext(showDashedIds(command.optsWithGlobals<GlobalOptions>()), interruption.signal);
      await verb.run(context, { arguments: showDashedIds(command.args), options: showDashedIds(command.opts()) });
    });
    silence(program);
    await program.parseAsync(argv.length === 0 ? ['--help'] : hideDashedIds(argv), { from: 'user' });
    return Number(process.exitCode ?? exitStatus.ok);
  } catch (error) {
    const { status, line } = endingOfRun(error);
    if (line !== '') process.stderr.write(`${line}\n`);
    return status;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

interface Silenceable {
  readonly commands: readonly Silenceable[];
  configureOutput(options: { outputError: () => void }): unknown;
  exitOverride(): unknown;
}

/** Errors of commander are printed by us, without the values in them. */
function silence(command: Silenceable): void {
  command.configureOutput({ outputError: () => undefined });
  command.exitOverride();
  for (const child of command.commands) silence(child);
}

function endingOfRun(error: unknown): Ending {
  if (!(error instanceof CommanderError)) return endingOf(error);
  // Help and version are not errors; help that nobody asked for is.
  if (error.exitCode === 0) return { status: exitStatus.ok, line: '' };
  if (error.code === 'commander.help') return endingOf(usage('Cannot run: a verb is missing', 'see the list above'));
  return endingOf(usageOf(error));
}

const secretHint = 'give secrets by --file or standard input: other users can see the command line';

function usageOf({ code, message }: CommanderError): CommandError {
  if (code === 'commander.excessArguments') return usage('Cannot run: more arguments than this verb takes', secretHint);
  const suggestion = /\(Did you mean (?:one of )?(.+?)\?\)/.exec(message)?.[1];
  const [problem = ''] = message.replace(/^error: /, '').split('\n');
  // `--password=…` and the values of choices are somebody's text.
  const safe = problem
    .replace(/'(--?[^'=]+)=[^']*'/, "'$1'")
    .replace(/argument '[^']*' is invalid/, 'argument is invalid');
  const next = suggestion === undefined ? undefined : `did you mean ${suggestion}?`;
  const isSecretLike = code === 'commander.unknownOption' && /secret|pass|token|value|data/i.test(safe);
  return usage(`Cannot run: ${safe.replace(/\.$/, '')}`, isSecretLike ? secretHint : (next ?? 'see --help'));
}
