/**
 * What the machine must have before a cluster can be built and booted on it.
 * It must never install anything but the Debian packages of its table, and only as root.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { say } from './say.ts';

/** One thing that must be there: a program in the path, or a file. */
interface Need {
  readonly program?: string;
  readonly file?: string;
  readonly debianPackage: string;
}

const needs: readonly Need[] = [
  { program: 'gcc', debianPackage: 'gcc' },
  { file: '/usr/include/stdio.h', debianPackage: 'libc6-dev' },
  { program: 'pkg-config', debianPackage: 'pkg-config' },
  { file: '/usr/include/seccomp.h', debianPackage: 'libseccomp-dev' },
  { program: 'ip', debianPackage: 'iproute2' },
  { program: 'iptables', debianPackage: 'iptables' },
  { program: 'conntrack', debianPackage: 'conntrack' },
  { program: 'nsenter', debianPackage: 'util-linux' },
  { program: 'openssl', debianPackage: 'openssl' },
  { program: 'busybox', debianPackage: 'busybox-static' },
  { program: 'curl', debianPackage: 'curl' },
];

/** Folders of programs that a person's path often lacks. */
const searchFolders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** Packages of the needs that are not met. */
export function missingPackages(isThere: (need: Need) => boolean = isMet): string[] {
  return needs.filter((need) => !isThere(need)).map(({ debianPackage }) => debianPackage);
}

const orYours = 'or set KUBECONFIG to use a cluster of yours';

/** Installs the Debian packages that are missing. @throws Error with the command that would help */
export function prepareMachine(): void {
  if (process.platform !== 'linux')
    throw new Error(`Cannot boot a cluster: this is ${process.platform}, need Linux; ${orYours}`);
  if (process.getuid?.() !== 0)
    throw new Error(`Cannot boot a cluster: you are not root, need root for namespaces; ${orYours}`);
  if (!isMet({ program: 'go', debianPackage: '' }))
    throw new Error(`Cannot build the cluster: Go is missing, need 1.26 (https://go.dev/dl); ${orYours}`);
  const packages = missingPackages();
  if (packages.length === 0) return;
  const install = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get'))
    throw new Error(`Cannot boot a cluster: programs are missing; on Debian "${install}" installs them`);
  say(`Installing Debian packages: ${packages.join(' ')}`);
  for (const command of ['apt-get update', install]) {
    const [program = '', ...words] = command.split(' ');
    const { status, stderr } = spawnSync(program, words, {
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (status !== 0) throw new Error(`Cannot install Debian packages: "${command}" failed\n${stderr}`);
  }
}

function isMet({ program, file }: Need): boolean {
  if (file !== undefined) return existsSync(file);
  return searchFolders.some((folder) => isExecutable(join(folder, program!)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
