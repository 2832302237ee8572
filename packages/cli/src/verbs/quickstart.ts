/**
 * `letterlock quickstart`: keys of admins, a values file, and the command that installs.
 * It must never reach a cluster, nor put a key into the values.
 * @module
 */
import { join } from 'node:path';
import { stringify } from 'yaml';
import { usage } from '../exit-status.ts';
import { adminFiles, isAdminName, makeAdmin } from '../files/make-admin.ts';
import { checkTarget, writeWholeFile } from '../files/write-file.ts';
import { choose } from '../prompt.ts';
import { defineVerb } from '../verb.ts';

const modes = ['transient', 'durable'] as const;
const valuesFileName = 'letterlock-values.yaml';
/** How many admins each mode gets where none are named, and how many of them unseal. */
const defaults = {
  transient: { admins: ['admin-1', 'admin-2'], threshold: 1 },
  durable: { admins: ['admin-1', 'admin-2', 'admin-3'], threshold: 2 },
} as const;
const mostAdmins = 16;

export const verb = defineVerb({
  description:
    'Transient keeps everything in memory: nothing to set up, and a restart empties it. Durable keeps it in etcd, and admins unseal it. ' +
    'For more than a trial, each admin makes the key where it stays ("letterlock init admin") and sends you the certificate.',
  options: {
    mode: { flags: '--mode <mode>', help: `${modes.join(' or ')}; asked for at a terminal` },
    admins: { flags: '--admins <name...>', help: 'names of the admins; also of their files NAME.key and NAME.crt' },
    threshold: { flags: '--threshold <number>', help: 'how many admins unseal together; default 1, or 2 when durable' },
    registry: { flags: '--registry <registry>', help: 'where your cluster pulls the images from' },
    agentDigest: {
      flags: '--agent-digest <digest>',
      help: "of the agent's image there, sha256:…: without one no agent may enrol",
    },
    namespace: { flags: '--namespace <namespace>', help: 'default letterlock-system' },
    chart: { flags: '--chart <chart>', help: 'folder, file or address of the chart; default charts/letterlock' },
    folder: { flags: '--folder <folder>', help: 'where to write; default: here' },
    force: { flags: '--force', help: 'replace the files' },
  },
  examples: [
    { command: 'letterlock quickstart', does: 'ask for the mode, make the files and print how to install' },
    {
      command: 'letterlock quickstart --mode durable --admins anna ben carla --threshold 2',
      does: 'do the same without a question',
    },
  ],
  async run(context, { options }) {
    const mode =
      options.mode === undefined
        ? await choose(context.terminal, 'Transient or durable?', modes, 'name it with --mode')
        : modes.find((each) => each === options.mode);
    if (mode === undefined) throw usage('Cannot use --mode: it is not known', `known are: ${modes.join(', ')}`);
    const names = options.admins ?? defaults[mode].admins;
    if (!names.every(isAdminName) || new Set(names).size !== names.length || names.length > mostAdmins)
      throw usage(
        'Cannot use --admins: need different names that can be file names',
        `use letters, digits and . _ - @; at most ${mostAdmins}`,
      );
    if (names.length < 2)
      throw usage('Cannot use --admins: got 1, need at least 2', 'with one, a lost key loses all data');
    const threshold = options.threshold === undefined ? defaults[mode].threshold : Number(options.threshold);
    if (!Number.isInteger(threshold) || threshold < 1 || threshold > names.length)
      throw usage('Cannot use --threshold: need a number of the admins', `from 1 to ${names.length}`);
    const { agentDigest: digest } = options;
    if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))
      throw usage(
        'Cannot use --agent-digest: need sha256: and 64 hexadecimal digits',
        'the push of the image prints it',
      );
    const folder = options.folder ?? '.';
    const valuesFile = join(folder, valuesFileName);
    // All before the first, so that nothing is left half done.
    for (const path of [valuesFile, ...names.flatMap((name) => Object.values(adminFiles(folder, name)))])
      checkTarget(path, options.force);

    const admins = names.map((name) =>
      makeAdmin({ name, kind: 'P-256', folder, isReplacing: options.force, nowSeconds: context.now() }),
    );
    const { registry } = options;
    const atRegistry = registry === undefined ? {} : { registry };
    const agentImage = { ...atRegistry, ...(digest === undefined ? {} : { digest }) };
    const values = {
      mode,
      init: { certificates: admins.map(({ certificate }) => certificate), threshold },
      ...(registry === undefined ? {} : { image: atRegistry }),
      ...(Object.keys(agentImage).length === 0 ? {} : { agent: { image: agentImage } }),
    };
    writeWholeFile(valuesFile, stringify(values), { isReplacing: options.force, mode: 0o644 });
    const namespace = options.namespace ?? 'letterlock-system';
    const chart = options.chart ?? 'charts/letterlock';
    const install = `helm install letterlock ${chart} --namespace ${namespace} --create-namespace --values ${valuesFile}`;
    context.output.result(
      { mode, threshold, values: valuesFile, keys: admins.map(({ keyFile }) => keyFile), install },
      [
        ['values', `${valuesFile} (holds certificates only)`],
        ...admins.map(({ keyFile }) => ['key', `${keyFile} (give it to its holder; it unseals)`] as const),
        [
          'mode',
          mode === 'transient'
            ? 'transient: a restart empties it'
            : `durable: ${threshold} of ${names.length} admins unseal`,
        ],
        ['next', install],
      ],
    );
  },
});
