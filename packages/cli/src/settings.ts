/**
 * What applies to this run: flag, then environment, then the profile of config.yaml.
 * It must never read more than is asked for: a verb that needs no address does not fail without one.
 * @module
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ConfigFile, Profile } from './config-file.ts';
import { usage } from './exit-status.ts';
import { isCardUri } from './pkcs11/pkcs11-uri.ts';

/** Options that every verb takes, as commander names them. */
export interface GlobalOptions {
  readonly profile?: string;
  readonly address?: readonly string[];
  readonly dial?: readonly string[];
  readonly key?: string;
  readonly trust?: string;
  readonly output?: 'table' | 'json';
  readonly quiet?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Folders {
  /** `$XDG_CONFIG_HOME/letterlock`: config.yaml, pins. */
  readonly config: string;
  /** `$XDG_STATE_HOME/letterlock`: opens in progress, the versions of secrets seen last. */
  readonly state: string;
}

/** Where the user's files are. An empty variable counts as absent. @source XDG Base Directory Specification */
export function foldersOf(environment: Environment): Folders {
  const home = environment['HOME'] || homedir();
  return {
    config: join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'letterlock'),
    state: join(environment['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'letterlock'),
  };
}

export interface Settings {
  readonly profileName: string;
  /** The addresses as given, none or more. */
  readonly addresses: readonly string[];
  /** What to dial instead of the one address; none: the address itself. */
  readonly dial: readonly string[];
  /** Absolute path of the key file, or the `pkcs11:` URI of a key on a card. */
  readonly keyPath: string | undefined;
  /** Id that the key must have. */
  readonly identity: string | undefined;
  /** Fingerprint given with --trust. */
  readonly trust: string | undefined;
}

/** Merges flags, environment and file. A relative key path of the file is relative to its folder. @throws usage for an unknown profile */
export function settingsOf(
  options: GlobalOptions,
  environment: Environment,
  file: ConfigFile,
  configFolder: string,
): Settings {
  const chosen = options.profile ?? environment['LETTERLOCK_PROFILE'];
  const profileName = chosen ?? file.profile ?? 'default';
  const isNamed = Object.hasOwn(file.profiles, profileName);
  if (!isNamed && (chosen !== undefined || file.profile !== undefined)) {
    throw usage(`Cannot use the profile ${profileName}: config.yaml has none of this name`, profilesOf(file));
  }
  const profile: Profile = isNamed ? file.profiles[profileName]! : {};
  const ownKey = options.key ?? environment['LETTERLOCK_KEY'];
  return {
    profileName,
    ...placesOf(options, environment, profile),
    keyPath: keyPathOf(ownKey, profile.key, configFolder, environment),
    // A key that was named by hand is not the profile's.
    identity: ownKey === undefined ? profile.identity : undefined,
    trust: options.trust ?? environment['LETTERLOCK_TRUST'],
  };
}

/** The innermost source that names an address counts; another one's `dial` belongs to another address. */
function placesOf(
  options: GlobalOptions,
  environment: Environment,
  profile: Profile,
): Pick<Settings, 'addresses' | 'dial'> {
  const sources = [
    { address: options.address, dial: options.dial },
    { address: environment['LETTERLOCK_ADDRESS'], dial: environment['LETTERLOCK_DIAL'] },
    profile,
  ];
  const from = sources.findIndex(({ address }) => address !== undefined);
  const usable = from < 0 ? sources : sources.slice(0, from + 1);
  const dial = usable.find((source) => source.dial !== undefined)?.dial;
  return { addresses: listOf(sources[from]?.address), dial: listOf(dial) };
}

/** Several in one text are separated by commas. */
function listOf(given: string | readonly string[] | undefined): readonly string[] {
  const texts = given === undefined ? [] : typeof given === 'string' ? [given] : given;
  return texts.flatMap((text) => text.split(',')).map((text) => text.trim());
}

function keyPathOf(
  own: string | undefined,
  ofProfile: string | undefined,
  configFolder: string,
  environment: Environment,
): string | undefined {
  const key = own ?? ofProfile;
  if (key === undefined || isCardUri(key)) return key;
  return own === undefined ? resolve(configFolder, expandHome(key, environment)) : resolve(key);
}

function expandHome(path: string, environment: Environment): string {
  return path.startsWith('~/') ? join(environment['HOME'] || homedir(), path.slice(2)) : path;
}

function profilesOf(file: ConfigFile): string {
  const names = Object.keys(file.profiles);
  return names.length === 0 ? 'it has no profiles' : `it has: ${names.join(', ')}`;
}
