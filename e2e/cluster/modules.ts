/**
 * The programs of the test cluster as data: each from a Go module whose version and checksums stand in `modules/*`.
 * It must never name a version: go.mod is the only place for one.
 * @module
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** One Go module and what is built from it. */
export interface GoModule {
  /** Folder under `modules/`. */
  readonly folder: string;
  /** Path of the module whose version the programs have. */
  readonly path: string;
  /** Program → package. */
  readonly programs: Readonly<Record<string, string>>;
  /** Default false: no C code. */
  readonly usesCgo?: boolean;
  readonly tags?: string;
  /** Variables that the linker sets, for programs that learn their version there. */
  readonly variables?: (version: string) => Readonly<Record<string, string>>;
}

export const goModules: readonly GoModule[] = [
  {
    folder: 'kubernetes',
    path: 'k8s.io/kubernetes',
    programs: Object.fromEntries(
      ['kube-apiserver', 'kube-controller-manager', 'kube-proxy', 'kube-scheduler', 'kubectl', 'kubelet'].map(
        (name) => [name, `k8s.io/kubernetes/cmd/${name}`],
      ),
    ),
    variables: (version) => {
      const [major = '', minor = ''] = version.slice(1).split('.');
      const prefix = 'k8s.io/component-base/version.';
      return { [`${prefix}gitVersion`]: version, [`${prefix}gitMajor`]: major, [`${prefix}gitMinor`]: minor };
    },
  },
  {
    folder: 'containerd',
    path: 'github.com/containerd/containerd/v2',
    programs: Object.fromEntries(
      ['containerd', 'containerd-shim-runc-v2', 'ctr'].map((name) => [
        name,
        `github.com/containerd/containerd/v2/cmd/${name}`,
      ]),
    ),
    tags: 'no_btrfs no_zfs no_devmapper no_aufs',
    variables: (version) => ({ 'github.com/containerd/containerd/v2/version.Version': version }),
  },
  {
    folder: 'runc',
    path: 'github.com/opencontainers/runc',
    programs: { runc: 'github.com/opencontainers/runc' },
    usesCgo: true,
    tags: 'seccomp',
  },
  {
    folder: 'cni',
    path: 'github.com/containernetworking/plugins',
    programs: {
      bridge: 'github.com/containernetworking/plugins/plugins/main/bridge',
      'host-local': 'github.com/containernetworking/plugins/plugins/ipam/host-local',
      loopback: 'github.com/containernetworking/plugins/plugins/main/loopback',
      portmap: 'github.com/containernetworking/plugins/plugins/meta/portmap',
    },
  },
  {
    folder: 'coredns',
    path: 'github.com/coredns/coredns',
    programs: { coredns: '.' },
  },
  {
    folder: 'helm',
    path: 'helm.sh/helm/v4',
    programs: { helm: 'helm.sh/helm/v4/cmd/helm' },
    variables: (version) => ({ 'helm.sh/helm/v4/internal/version.version': version }),
  },
];

export const modulesFolder = join(import.meta.dirname, 'modules');

/** Version that a go.mod requires of a module, such as v1.36.3. @throws Error if it requires none */
export function versionIn(goMod: string, path: string): string {
  const words = goMod.split('\n').map((line) =>
    line
      .replace(/^require /, '')
      .trim()
      .split(/\s+/),
  );
  const version = words.find(([name, second]) => name === path && second?.startsWith('v'))?.[1];
  if (version === undefined) throw new Error(`Cannot tell the version of ${path}: go.mod does not require it`);
  return version;
}

export function versionOf(module: GoModule): string {
  return versionIn(readFileSync(join(modulesFolder, module.folder, 'go.mod'), 'utf8'), module.path);
}

/** Where the built programs are kept: outside the checkout, one folder for each set of sources and settings. */
export function programsFolder(): string {
  const hash = createHash('sha256');
  for (const module of goModules) {
    const settings = { ...module, variables: module.variables?.(versionOf(module)) };
    hash.update(JSON.stringify(settings));
    for (const file of readdirSync(join(modulesFolder, module.folder)).toSorted()) {
      hash.update(`\n${file}\n`).update(readFileSync(join(modulesFolder, module.folder, file)));
    }
  }
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const version = versionOf(goModules[0]!).slice(1);
  return join(cache, 'letterlock', `kubernetes-${version}-${hash.digest('hex').slice(0, 12)}`);
}
