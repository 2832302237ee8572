/**
 * Writes an image as a tar file, without an engine: an OCI layout that is also a docker archive. The same folders give the same bytes.
 * It must never take owner, time or order from the machine.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ImageConfiguration } from './dockerfile.ts';

export interface Image {
  /** With registry and tag, such as localhost/letterlock-server:0.1.0. */
  readonly name: string;
  readonly architecture: 'amd64' | 'arm64';
  /** Folders, the lowest first. */
  readonly layers: readonly string[];
  readonly configuration: ImageConfiguration;
}

/** Architecture of this machine in the words of images. @throws Error for one that we do not support */
export function machineArchitecture(): 'amd64' | 'arm64' {
  const names = { x64: 'amd64', arm64: 'arm64' } as const;
  const name = names[process.arch as keyof typeof names];
  if (name === undefined) throw new Error(`Cannot make an image: this is ${process.arch}, need x64 or arm64`);
  return name;
}

/** Writes the file. @returns digest of the manifest, by which a runtime knows the image */
export async function writeImage(image: Image, file: string): Promise<string> {
  mkdirSync(dirname(file), { recursive: true });
  const layout = mkdtempSync(`${file}.`);
  try {
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
    const layers: Blob[] = [];
    for (const folder of image.layers) layers.push(await writeLayer(layout, folder));
    const config = writeBlob(layout, imageDocument(image, layers));
    const manifest = writeBlob(layout, {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })),
    });
    const write = (name: string, value: unknown): void => writeFileSync(join(layout, name), JSON.stringify(value));
    write('oci-layout', { imageLayoutVersion: '1.0.0' });
    write('index.json', {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          ...manifest,
          platform: { architecture: image.architecture, os: 'linux' },
          annotations: {
            'io.containerd.image.name': image.name,
            'org.opencontainers.image.ref.name': image.name.slice(image.name.lastIndexOf(':') + 1),
          },
        },
      ],
    });
    write('manifest.json', [
      { Config: blobPath(config), RepoTags: [image.name], Layers: layers.map((layer) => blobPath(layer)) },
    ]);
    packFolder(layout, `${file}.new`);
    renameSync(`${file}.new`, file);
    return manifest.digest;
  } finally {
    rmSync(layout, { recursive: true, force: true });
  }
}

/** What the layers are and how a container starts. @source OCI image specification 1.1, config.md */
function imageDocument({ architecture, configuration }: Image, layers: readonly Blob[]): object {
  const { user, workingFolder, environment, labels, ports, entrypoint, command } = configuration;
  return {
    architecture,
    os: 'linux',
    config: {
      ...(user === undefined ? {} : { User: user }),
      ...(workingFolder === undefined ? {} : { WorkingDir: workingFolder }),
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      Labels: labels,
      ...(ports.length === 0 ? {} : { ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])) }),
      Entrypoint: entrypoint,
      Cmd: command,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(() => ({ created_by: 'letterlock tools/image' })),
  };
}

interface Blob {
  /** Shape: "sha256:" and hexadecimal digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

function blobPath({ digest }: Blob): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}

function writeBlob(layout: string, value: object): Blob {
  const bytes = Buffer.from(JSON.stringify(value));
  const blob = { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length };
  writeFileSync(join(layout, blobPath(blob)), bytes);
  return blob;
}

async function writeLayer(layout: string, folder: string): Promise<Blob> {
  const file = join(layout, 'layer.tar');
  packFolder(folder, file);
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const blob = { digest: `sha256:${hash.digest('hex')}`, size: statSync(file).size };
  renameSync(file, join(layout, blobPath(blob)));
  return blob;
}

function packFolder(folder: string, file: string): void {
  const words = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=ustar'];
  const { status, stderr, error } = spawnSync('tar', [...words, '-C', folder, '-cf', file, '.'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Cannot pack ${folder}: ${error?.message ?? stderr}`);
}
