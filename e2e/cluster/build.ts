/**
 * Builds the programs of the cluster from their Go modules into the cache folder, once, and says how far it is.
 * It must never download anything but Go modules, whose checksums go.sum holds.
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { goModules, modulesFolder, programsFolder, versionOf, type GoModule } from './modules.ts';
import { say } from './say.ts';

/** Where the programs are. */
export interface Programs {
  readonly folder: string;
  /** Path of etcd, which has a cache folder of its own. */
  readonly etcd: string;
}

const saysEveryMilliseconds = 30_000;
const etcdScript = join(import.meta.dirname, '../../tools/etcd/build.sh');

/** Builds what is missing. @throws Error with the compiler's last lines */
export async function buildPrograms(): Promise<Programs> {
  const folder = programsFolder();
  mkdirSync(folder, { recursive: true });
  const missing = goModules.filter(({ programs }) => !isThere(folder, Object.keys(programs)));
  if (missing.length > 0) say(`Building into ${folder}, once: ${missing.map((module) => module.folder).join(', ')}`);
  for (const module of missing) await build(module, folder);
  if (!isThere(folder, ['pause'])) await buildPause(folder);
  return { folder, etcd: buildEtcd() };
}

function isThere(folder: string, names: readonly string[]): boolean {
  return names.every((name) => existsSync(join(folder, name)));
}

async function build(module: GoModule, folder: string): Promise<void> {
  const started = Date.now();
  const version = versionOf(module);
  const variables = Object.entries(module.variables?.(version) ?? {}).map(([name, value]) => ` -X ${name}=${value}`);
  await inPlace(folder, async (unfinished) => {
    await run(
      `${module.folder} ${version}`,
      'go',
      [
        'build',
        '-v',
        '-trimpath',
        '-buildvcs=false',
        ...(module.tags === undefined ? [] : ['-tags', module.tags]),
        '-ldflags',
        `-s -w${variables.join('')}`,
        '-o',
        `${unfinished}/`,
        ...Object.values(module.programs),
      ],
      { cwd: join(modulesFolder, module.folder), env: { CGO_ENABLED: module.usesCgo === true ? '1' : '0' } },
    );
    return Object.keys(module.programs);
  });
  say(`Built ${module.folder} ${version} in ${Math.round((Date.now() - started) / 1000)} s`);
}

/** The program that holds a pod's namespaces, and the cluster's: Kubernetes' own, from the same module. */
async function buildPause(folder: string): Promise<void> {
  const cwd = join(modulesFolder, 'kubernetes');
  const found = spawnSync('go', ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], { cwd, encoding: 'utf8' });
  if (found.status !== 0) throw new Error(`Cannot find the sources of Kubernetes: ${found.stderr}`);
  await inPlace(folder, async (unfinished) => {
    const source = join(found.stdout.trim(), 'build/pause/linux/pause.c');
    const target = join(unfinished, 'pause');
    await run('pause', 'gcc', ['-Os', '-static', '-DVERSION=letterlock-e2e', '-o', target, source], { cwd, env: {} });
    return ['pause'];
  });
}

/** Programs appear whole or not at all: two builds at the same time put the same ones in the same place. */
async function inPlace(folder: string, make: (unfinished: string) => Promise<readonly string[]>): Promise<void> {
  const unfinished = join(folder, `.unfinished-${process.pid}`);
  mkdirSync(unfinished);
  try {
    for (const name of await make(unfinished)) renameSync(join(unfinished, name), join(folder, name));
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function buildEtcd(): string {
  const built = spawnSync(etcdScript, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (built.status !== 0) throw new Error('Cannot build etcd');
  return built.stdout.trim();
}

interface Surroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs a compiler, and says now and then how many packages it has done. */
async function run(
  title: string,
  command: string,
  words: readonly string[],
  { cwd, env }: Surroundings,
): Promise<void> {
  const child = spawn(command, words, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  const lastLines: string[] = [];
  let lineCount = 0;
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lineCount += lines.length;
    lastLines.push(...lines);
    lastLines.splice(0, lastLines.length - 20);
  });
  const clock = setInterval(() => say(`  ${title}: ${lineCount} modules and packages so far`), saysEveryMilliseconds);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    if (status !== 0) throw new Error(`Cannot build ${title}:\n${[...lastLines, rest].join('\n')}`);
  } finally {
    clearInterval(clock);
  }
}
