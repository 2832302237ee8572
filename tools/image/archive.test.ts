import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { writeImage, type Image } from './archive.ts';

let home: string;
let image: Image;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'letterlock-image-'));
  mkdirSync(join(home, 'layer/app'), { recursive: true });
  writeFileSync(join(home, 'layer/app/main.js'), 'text');
  image = {
    name: 'localhost/x:1',
    architecture: 'amd64',
    layers: [join(home, 'layer')],
    configuration: { user: '1:1', environment: { A: 'b' }, labels: {}, ports: [], entrypoint: ['/x'], command: ['y'] },
  };
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

/** A member of the archive. */
function member(file: string, path: string): Buffer {
  return spawnSync('tar', ['-xOf', file, `./${path}`]).stdout;
}

function json(file: string, path: string): unknown {
  return JSON.parse(member(file, path).toString());
}

describe('writeImage()', () => {
  test('writes blobs under their hashes, from the index down to the layer', async () => {
    const file = join(home, 'image.tar');
    const digest = await writeImage(image, file);

    const index = json(file, 'index.json') as { manifests: { digest: string; annotations: object }[] };
    expect(index.manifests[0]?.digest).toBe(digest);
    expect(index.manifests[0]?.annotations).toMatchObject({ 'io.containerd.image.name': 'localhost/x:1' });
    const blob = (of: string): string => `blobs/sha256/${of.replace('sha256:', '')}`;
    const manifest = json(file, blob(digest)) as { config: { digest: string }; layers: { digest: string }[] };
    for (const { digest: named } of [{ digest }, manifest.config, ...manifest.layers]) {
      const hash = createHash('sha256')
        .update(member(file, blob(named)))
        .digest('hex');
      expect(`sha256:${hash}`).toBe(named);
    }
    expect(json(file, blob(manifest.config.digest))).toMatchObject({
      architecture: 'amd64',
      config: { User: '1:1', Env: ['A=b'], Entrypoint: ['/x'], Cmd: ['y'] },
      rootfs: { diff_ids: manifest.layers.map((layer) => layer.digest) },
    });
    expect(json(file, 'manifest.json')).toEqual([
      {
        Config: blob(manifest.config.digest),
        RepoTags: ['localhost/x:1'],
        Layers: manifest.layers.map((layer) => blob(layer.digest)),
      },
    ]);
  });

  test('does not depend on when the files were written', async () => {
    const first = await writeImage(image, join(home, 'first.tar'));
    utimesSync(join(home, 'layer/app/main.js'), 1000, 1000);
    const second = await writeImage(image, join(home, 'second.tar'));

    expect(second).toBe(first);
    expect(readFileSync(join(home, 'second.tar')).equals(readFileSync(join(home, 'first.tar')))).toBe(true);
  });

  test('depends on what is in the files and on their modes', async () => {
    const first = await writeImage(image, join(home, 'first.tar'));
    chmodSync(join(home, 'layer/app/main.js'), 0o600);
    const second = await writeImage(image, join(home, 'second.tar'));
    writeFileSync(join(home, 'layer/app/main.js'), 'other');
    const third = await writeImage(image, join(home, 'third.tar'));

    expect(new Set([first, second, third]).size).toBe(3);
  });
});
