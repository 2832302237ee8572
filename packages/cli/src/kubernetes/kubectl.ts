/**
 * Runs `kubectl` as a child process: the only way in which this program reaches a cluster, with the user's own rights.
 * It must never pass a secret, nor wait without a deadline.
 * @module
 */
import { execFile } from 'node:child_process';
import { CommandError, usage } from '../exit-status.ts';
import type { OptionSpecs } from '../verb.ts';

/** How it ended. */
export interface KubectlOutcome {
  readonly isOk: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command. Shape of input: a manifest. */
export type Kubectl = (words: readonly string[], input?: string) => Promise<KubectlOutcome>;

/** Options that choose the cluster, as kubectl names them. */
export const clusterOptions = {
  kubeconfig: { flags: '--kubeconfig <file>', help: 'as kubectl takes it' },
  context: { flags: '--context <name>', help: 'as kubectl takes it' },
} as const satisfies OptionSpecs;

const limitMilliseconds = 20_000;
const outputBytes = 64 * 1024 * 1024;

/** Kubectl of PATH, for the cluster that the options choose. */
export function kubectlOf(options: {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}): Kubectl {
  const choice = [
    ...(options.kubeconfig === undefined ? [] : [`--kubeconfig=${options.kubeconfig}`]),
    ...(options.context === undefined ? [] : [`--context=${options.context}`]),
  ];
  return (words, input = '') =>
    new Promise((resolve, reject) => {
      const child = execFile(
        'kubectl',
        [...choice, ...words],
        { timeout: limitMilliseconds, maxBuffer: outputBytes },
        (error, stdout, stderr) => {
          if (error?.code === 'ENOENT') reject(usage('Cannot run kubectl: it is not installed', 'put it on PATH'));
          else resolve({ isOk: error === null, stdout, stderr });
        },
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    });
}

/** One object, or undefined where there is none of this name. @throws CommandError when the cluster does not answer or refuses */
export async function read<T>(kubectl: Kubectl, words: readonly string[]): Promise<T | undefined> {
  const { isOk, stdout, stderr } = await kubectl(['get', ...words, '-o', 'json']);
  if (isOk) return JSON.parse(stdout) as T;
  if (stderr.includes('(NotFound)')) return undefined;
  throw notRead(`${words[0]} of the cluster`, stderr);
}

/** A document of the API server itself, by its path. @throws CommandError when it does not answer or refuses */
export async function readPath(kubectl: Kubectl, path: string): Promise<unknown> {
  const { isOk, stdout, stderr } = await kubectl(['get', '--raw', path]);
  if (!isOk) throw notRead(`${path} of the cluster`, stderr);
  try {
    return JSON.parse(stdout) as unknown;
  } catch {
    throw notRead(`${path} of the cluster`, 'the answer is no JSON');
  }
}

/** Lines that a container has written. @throws CommandError when the cluster does not answer or refuses */
export async function readLog(
  kubectl: Kubectl,
  { namespace, pod, container }: { readonly namespace: string; readonly pod: string; readonly container: string },
): Promise<readonly string[]> {
  const { isOk, stdout, stderr } = await kubectl(['logs', pod, '-n', namespace, '-c', container]);
  if (isOk) return stdout.split('\n');
  throw notRead(`the log of ${pod}`, stderr);
}

/** Objects of one kind; none where the cluster does not know the kind. @throws CommandError when the cluster does not answer or refuses */
export async function list<T>(kubectl: Kubectl, words: readonly string[]): Promise<readonly T[]> {
  const { isOk, stdout, stderr } = await kubectl(['get', ...words, '-o', 'json']);
  if (isOk) return (JSON.parse(stdout) as { readonly items: readonly T[] }).items;
  if (/doesn't have a resource type|could not find the requested resource/.test(stderr)) return [];
  throw notRead(`${words[0]} of the cluster`, stderr);
}

function notRead(what: string, stderr: string): CommandError {
  const isRefused = /forbidden/i.test(stderr);
  // Before it there may be lines of a log.
  const lastLine = stderr.trim().split('\n').at(-1) ?? '';
  return new CommandError(
    isRefused ? 'denied' : 'unavailable',
    `Cannot read ${what}: ${lastLine}`,
    isRefused ? 'ask whoever gives rights in the cluster' : 'check with "kubectl cluster-info"',
  );
}
