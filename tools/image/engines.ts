/**
 * Makes an image with whatever the machine has: buildah, docker, or nothing at all.
 * It must never make something else without an engine than with one: all of them follow the Dockerfile.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineArchitecture, writeImage } from './archive.ts';
import { readDockerfile, type ImageConfiguration } from './dockerfile.ts';
import { makeNodeBase, nodeBaseConfiguration } from './node-base.ts';

export interface ImageOrder {
  /** With tag. */
  readonly name: string;
  /** Path. */
  readonly dockerfile: string;
  /** Folder that the Dockerfile copies from. */
  readonly context: string;
  /** The tar file. */
  readonly file: string;
  /** Folder for what is only needed on the way. */
  readonly scratch: string;
  /** A distroless image of Node 26; an engine cannot do without one. */
  readonly baseImage?: string;
  /** Default: this machine's. Without an engine there is no other. */
  readonly architecture?: 'amd64' | 'arm64';
}

export const engineNames = ['buildah', 'docker', 'none'] as const;
export type EngineName = (typeof engineNames)[number];

type Make = (order: ImageOrder) => Promise<void>;

const engines: Readonly<Record<EngineName, Make>> = {
  buildah: async (order) => {
    run('buildah', ['build', '--tag', order.name, ...buildWords(order)]);
    run('buildah', ['push', '--quiet', order.name, `oci-archive:${order.file}:${order.name}`]);
  },
  docker: async (order) => {
    run('docker', ['build', '--tag', order.name, ...buildWords(order)]);
    run('docker', ['save', '--output', order.file, order.name]);
  },
  none: makeWithoutEngine,
};

/** The first engine that works here; docker's client alone is none. */
export function findEngine(works: (engine: 'buildah' | 'docker') => boolean = answers): EngineName {
  return works('buildah') ? 'buildah' : works('docker') ? 'docker' : 'none';
}

/** Writes the file with this engine. */
export async function makeImage(engine: EngineName, order: ImageOrder): Promise<void> {
  await engines[engine](order);
}

function answers(engine: 'buildah' | 'docker'): boolean {
  return spawnSync(engine, ['info'], { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

function buildWords({ dockerfile, context, baseImage, architecture }: ImageOrder): string[] {
  if (baseImage === undefined)
    throw new Error('Cannot make the image: need --base with a distroless image of Node 26, best with a digest');
  return [
    `--file=${dockerfile}`,
    ...(architecture === undefined ? [] : [`--platform=linux/${architecture}`]),
    `--build-arg=BASE_IMAGE=${baseImage}`,
    context,
  ];
}

async function makeWithoutEngine(order: ImageOrder): Promise<void> {
  const architecture = machineArchitecture();
  if ((order.architecture ?? architecture) !== architecture)
    throw new Error(`Cannot make an image for ${order.architecture} on ${architecture}: need buildah or docker`);
  if (order.baseImage !== undefined)
    throw new Error('Cannot use a base image without an engine: need buildah or docker');
  const { copies, configuration } = readDockerfile(readFileSync(order.dockerfile, 'utf8'), {
    BASE_IMAGE: order.scratch,
  });
  if (copies.length !== 1 || copies[0]?.from !== '.' || copies[0].to !== '/app/')
    throw new Error('Cannot make the image: without an engine the Dockerfile copies "." to "/app/" and nothing else');
  const base = join(order.scratch, 'base');
  makeNodeBase(base, process.execPath);
  const own = join(order.scratch, 'own');
  cpSync(order.context, join(own, 'app'), { recursive: true });
  chmodSync(own, 0o755);
  await writeImage(
    {
      name: order.name,
      architecture,
      layers: [base, own],
      configuration: over(nodeBaseConfiguration, configuration),
    },
    order.file,
  );
}

/** What a Dockerfile says over what its base says. */
export function over(base: ImageConfiguration, own: ImageConfiguration): ImageConfiguration {
  const hasEntrypoint = own.entrypoint.length > 0;
  return {
    ...base,
    ...own,
    environment: { ...base.environment, ...own.environment },
    labels: { ...base.labels, ...own.labels },
    ports: [...base.ports, ...own.ports],
    entrypoint: hasEntrypoint ? own.entrypoint : base.entrypoint,
    // A new entrypoint forgets the command of the base.
    command: hasEntrypoint || own.command.length > 0 ? own.command : base.command,
  };
}

function run(program: string, words: readonly string[]): void {
  const { status, error } = spawnSync(program, words, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0)
    throw new Error(
      `Cannot make the image: ${program} ${words[0]} failed${error === undefined ? '' : `, ${error.message}`}`,
    );
}
