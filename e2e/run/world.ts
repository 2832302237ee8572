/**
 * What a step can do: kubectl, helm and letterlock as a person would call them, images, and the programs of the cluster.
 * It must never wait without a deadline, nor use a cluster other than the one it was given.
 * @module
 */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from '../cluster/cluster.ts';
import type { DaemonName } from '../cluster/daemons.ts';
import { importImage } from '../cluster/import-image.ts';
import { isApiReady, waitUntil } from '../cluster/kubernetes.ts';
import { runInside } from '../cluster/namespaces.ts';
import { startDaemon, stopDaemon } from '../cluster/run-daemons.ts';
import { buildImage, digestIn, type ImageName } from './build-image.ts';

export interface CommandOptions {
  /** Text for its standard input. */
  readonly input?: string;
  /** Default 60. */
  readonly seconds?: number;
  /** Beside PATH, HOME and KUBECONFIG. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** How a program ended that was allowed to fail. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = join(import.meta.dirname, '../..');

/** One cluster, and a folder for what the steps write. */
export class World implements Disposable {
  /** For the files of the steps. */
  readonly folder = mkdtempSync(join(tmpdir(), 'letterlock-e2e-'));
  /** What one step tells the next. */
  readonly facts = new Map<string, string>();
  readonly print: (line: string) => void;
  readonly #kubeconfig: string;
  /** Absent: the cluster is somebody else's. */
  readonly #cluster: Cluster | undefined;
  readonly #images = new Map<ImageName, { readonly image: string; readonly digest: string }>();

  constructor(facts: {
    readonly kubeconfig: string;
    readonly cluster?: Cluster;
    readonly print: (line: string) => void;
  }) {
    this.#kubeconfig = facts.kubeconfig;
    this.#cluster = facts.cluster;
    this.print = facts.print;
  }

  /** Path of the kubeconfig, for programs that take one. */
  get kubeconfig(): string {
    return this.#kubeconfig;
  }

  /** Whether `stop` and `start` work here. */
  get isOwnCluster(): boolean {
    return this.#cluster !== undefined;
  }

  /** Forgets what the steps of another story wrote: keys, pins, values. */
  emptyFolder(): void {
    for (const name of readdirSync(this.folder)) rmSync(join(this.folder, name), { recursive: true });
  }

  /** A line for the person who reads the run, such as a figure. */
  note(text: string): void {
    this.print(`  # ${text}`);
  }

  /** Runs kubectl. Shape of words: separated by spaces, or a list. @returns standard output */
  kubectl(words: string | readonly string[], options: CommandOptions = {}): string {
    return demanded('kubectl', words, this.tryKubectl(words, options));
  }

  /** Runs kubectl where it may fail. */
  tryKubectl(words: string | readonly string[], options: CommandOptions = {}): Outcome {
    return this.#run(this.#program('kubectl'), words, options);
  }

  /** Starts kubectl, for who talks with it. Whoever starts it ends it. */
  startKubectl(words: readonly string[]): ChildProcessWithoutNullStreams {
    return spawn(this.#program('kubectl'), words, { cwd: this.folder, env: this.#environment() });
  }

  /** Runs helm. @returns standard output */
  helm(words: string | readonly string[], options: CommandOptions = {}): string {
    return demanded('helm', words, this.#run(this.#program('helm'), words, options));
  }

  /** Runs this checkout's `letterlock` in the folder of the steps. @returns standard output */
  letterlock(words: string | readonly string[], options: CommandOptions = {}): string {
    return demanded('letterlock', words, this.#run(join(root, 'packages/cli/bin/letterlock'), words, options));
  }

  /** Runs this checkout's `letterlock` where it may fail. */
  tryLetterlock(words: string | readonly string[], options: CommandOptions = {}): Outcome {
    return this.#run(join(root, 'packages/cli/bin/letterlock'), words, options);
  }

  /** Runs a script of bash in the folder of the steps, in which kubectl, helm and letterlock are those of the other methods. */
  tryShell(script: string, options: CommandOptions = {}): Outcome {
    return this.#run('bash', ['-euo', 'pipefail', '-c', script], options);
  }

  /** Applies objects, or text in YAML. */
  apply(manifest: string | readonly object[]): void {
    const items =
      typeof manifest === 'string' ? manifest : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifest });
    this.kubectl('apply -f -', { input: items });
  }

  /** Reads one object, or a list, for the caller to say what it is. */
  read(words: string): unknown {
    return JSON.parse(this.kubectl(`get ${words} -o json`));
  }

  /** Asks again and again until it is so. */
  async eventually(what: string, isSo: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
    await waitUntil(isSo, { what, seconds, everyMilliseconds: 250 });
  }

  /** Name of an image that the cluster has: made and imported when it is first asked for. */
  async image(name: ImageName): Promise<string> {
    return (await this.#imageOf(name)).image;
  }

  /** Its digest, as kubelets report it. Shape: `sha256:…`. */
  async imageDigest(name: ImageName): Promise<string> {
    const { image, digest } = await this.#imageOf(name);
    if (digest !== '') return digest;
    throw new Error(
      `Cannot tell the digest of ${image}: write it behind the name, as in registry.example/name@sha256:…`,
    );
  }

  /**
   * Runs a program in a container past the API server, as the container's user. Shape of container: as in a pod's status,
   * `containerd://…`. @returns standard output. @throws Error when it ends badly
   */
  runInContainer(container: string, words: readonly string[], options: CommandOptions = {}): string {
    const { keeper, programs } = this.#own();
    const id = container.replace('containerd://', '');
    const ctr = [join(programs.folder, 'ctr'), '--namespace=k8s.io', 'tasks', 'exec', `--exec-id=${randomUUID()}`, id];
    return runInside(keeper, [...ctr, ...words], {
      timeoutMilliseconds: (options.seconds ?? 20) * 1000,
      ...(options.input === undefined ? {} : { input: options.input }),
    });
  }

  /** Kills what runs in a container, as a crash would end it: the kubelet is not asked. Shape: as `runInContainer`. */
  killContainer(container: string): void {
    const { keeper, programs } = this.#own();
    const id = container.replace('containerd://', '');
    runInside(keeper, [join(programs.folder, 'ctr'), '--namespace=k8s.io', 'tasks', 'kill', '--signal=SIGKILL', id]);
  }

  /** Stops a program of the cluster, such as kube-apiserver. */
  stop(daemon: DaemonName): void {
    stopDaemon(this.#own(), daemon, 'KILL');
  }

  /** Starts it again, and waits for the API server. */
  async start(daemon: DaemonName): Promise<void> {
    const cluster = this.#own();
    startDaemon(cluster, daemon);
    await this.eventually('the API server was not ready', () => isApiReady(cluster));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #imageOf(name: ImageName): Promise<{ readonly image: string; readonly digest: string }> {
    const variable = `LETTERLOCK_IMAGE_${name.toUpperCase().replaceAll('-', '_')}`;
    const given = process.env[variable];
    if (given !== undefined) return { image: given, digest: /@(sha256:[0-9a-f]{64})$/.exec(given)?.[1] ?? '' };
    const known = this.#images.get(name);
    if (known !== undefined) return known;
    if (this.#cluster === undefined)
      throw new Error(`Cannot use the image of ${name}: ${variable} is not set, need one that the cluster can fetch`);
    const built = await buildImage(name);
    importImage(this.#cluster, built.file);
    const image = { image: built.image, digest: digestIn(built.file) };
    this.#images.set(name, image);
    return image;
  }

  #own(): Cluster {
    if (this.#cluster === undefined) throw new Error('Cannot stop programs of a cluster that is not ours');
    return this.#cluster;
  }

  #program(name: 'kubectl' | 'helm'): string {
    return this.#cluster === undefined ? name : join(this.#cluster.programs.folder, name);
  }

  /** Programs that call kubectl themselves find the cluster's, and kubectl finds its plugin. */
  #path(): string {
    const folders = [join(root, 'packages/cli/bin'), process.env['PATH'] ?? ''];
    return [...(this.#cluster === undefined ? [] : [this.#cluster.programs.folder]), ...folders].join(':');
  }

  #environment(): Readonly<Record<string, string>> {
    return { PATH: this.#path(), HOME: this.folder, KUBECONFIG: this.#kubeconfig };
  }

  #run(
    program: string,
    words: string | readonly string[],
    { input, seconds = 60, variables }: CommandOptions,
  ): Outcome {
    const { status, stdout, stderr, error } = spawnSync(program, typeof words === 'string' ? words.split(' ') : words, {
      cwd: this.folder,
      encoding: 'utf8',
      timeout: seconds * 1000,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...this.#environment(), ...variables },
      ...(input === undefined ? { stdio: ['ignore', 'pipe', 'pipe'] as const } : { input }),
    });
    return { status, stdout: stdout ?? '', stderr: error === undefined ? stderr : `${stderr ?? ''}${error.message}` };
  }
}

function demanded(program: string, words: string | readonly string[], { status, stdout, stderr }: Outcome): string {
  if (status === 0) return stdout;
  const line = typeof words === 'string' ? words : words.join(' ');
  throw new Error(`${program} ${line}\nended with status ${status}\n${stdout}${stderr}`);
}
