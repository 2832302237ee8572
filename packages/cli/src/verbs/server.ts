/**
 * `letterlock server`: runs the service in this process until it is told to stop.
 * It must never print a secret, nor load the server for any other verb.
 * @module
 */
import type { Context } from '../context.ts';
import { CommandError, usage } from '../exit-status.ts';
import { defineVerb } from '../verb.ts';

export const verb = defineVerb({
  description:
    'Every setting is a key of the file, a flag, and a variable; flag counts before variable, variable before file. ' +
    'SIGTERM and SIGINT let requests in flight end. The log goes to standard output, one JSON object a line.',
  isPassThrough: true,
  details: describeSettings,
  examples: [
    { command: 'letterlock server --config letterlock.yaml', does: 'run with a configuration file' },
    {
      command:
        'letterlock server --trust-domain demo.example --store memory --init-certificates alice.crt,bob.crt,carol.crt',
      does: 'run a transient service on https://localhost:8443; make the certificates with "letterlock init admin"',
    },
  ],
  async run(context, { arguments: words }) {
    const { describeConfig, loadConfig } = await import('@letterlock/server/config');
    const booleans = new Set(
      describeConfig()
        .filter(({ type }) => type === 'boolean')
        .flatMap(({ flags }) => flags),
    );
    const { config, ...flags } = parseFlags(words, booleans);
    if (config !== undefined && typeof config !== 'string') throw usage('Cannot start: --config names one file');
    const loaded = orUsage(() =>
      loadConfig({ ...(config === undefined ? {} : { file: config }), flags, environment: context.environment }),
    );
    const { startServer } = await import('@letterlock/server/main');
    const server = await startServer(loaded, { signal: context.signal }).catch((error: unknown) => {
      throw startFailure(error);
    });
    introduce(context, server, loaded.trustDomain);
    await server.closed;
  },
});

/** Who the server is, for the person who started it. Standard error: the log has its own place. */
function introduce(
  context: Context,
  server: {
    readonly origin: string;
    readonly healthOrigin: string | undefined;
    readonly fingerprint: string | undefined;
    readonly bootFingerprint: string;
  },
  trustDomain: string,
): void {
  const rows = [
    ['address', server.origin],
    ['health', server.healthOrigin ?? 'off'],
    ['trust domain', trustDomain],
    ['fingerprint', server.fingerprint ?? 'none before "letterlock init"'],
    ['boot', server.bootFingerprint],
  ];
  context.output.note(rows.map(([label, text]) => `${label!.padEnd(12)}  ${text}`).join('\n'));
}

type Flags = Record<string, string | boolean | readonly string[]>;

/** `--name value`, `--name=value`, `--boolean`; a repeated flag becomes a list. @throws usage */
export function parseFlags(words: readonly string[], booleans: ReadonlySet<string>): Flags {
  const flags: Flags = {};
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index]!;
    if (!word.startsWith('--') || word === '--')
      throw usage('Cannot start: a flag was expected', 'see "letterlock server --help"');
    const equals = word.indexOf('=');
    const flag = equals < 0 ? word : word.slice(0, equals);
    const next = words[index + 1];
    const hasNext =
      next !== undefined && !next.startsWith('--') && (!booleans.has(flag) || next === 'true' || next === 'false');
    const value = equals >= 0 ? word.slice(equals + 1) : hasNext ? next : true;
    if (equals < 0 && hasNext) index += 1;
    const name = flag.slice(2);
    const before = Object.hasOwn(flags, name) ? flags[name] : undefined;
    const isList = (typeof before === 'string' || Array.isArray(before)) && typeof value === 'string';
    flags[name] = isList ? [...(typeof before === 'string' ? [before] : (before as readonly string[])), value] : value;
  }
  return flags;
}

async function describeSettings(): Promise<string> {
  const { describeConfig } = await import('@letterlock/server/config');
  const lines = describeConfig().map(
    ({ flags, type, environment, description, isRequired }) =>
      `  ${flags.join(', ')}${type === 'boolean' ? '' : ` <${type}>`}${isRequired ? ' (required)' : ''}\n      ${description}\n      ${environment}`,
  );
  return [
    'Settings:',
    '  --config <file>\n      YAML file with these keys, such as trustDomain and listen.direct.',
    ...lines,
  ].join('\n');
}

function orUsage<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw startFailure(error);
  }
}

function startFailure(error: unknown): unknown {
  const { name, message, code } = error as {
    readonly name?: string;
    readonly message?: string;
    readonly code?: string;
  };
  if (name === 'ConfigError') return usage(message ?? 'Cannot use the configuration', 'see "letterlock server --help"');
  if (code === 'EADDRINUSE')
    return new CommandError(
      'unavailable',
      'Cannot listen: the address is in use',
      'stop the other program, or choose --listen-direct and --listen-health',
      error,
    );
  if (code === 'EACCES')
    return new CommandError(
      'usage',
      'Cannot listen: this port is for root only',
      'choose a port above 1023 with --listen-direct',
      error,
    );
  return error;
}
