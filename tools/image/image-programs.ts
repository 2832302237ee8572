/**
 * The programs that have an image of their own, as a table.
 * It must never name a file that the program does not read.
 * @module
 */

/** One image. */
export interface ImageProgram {
  readonly dockerfile: string;
  /** Name of a bundled file → source. The first one is the program, the others are started by it or by a Job of the chart. */
  readonly entries: Readonly<Record<string, string>>;
  /** Folders of .proto files, which are read from `../proto` beside the bundle. */
  readonly protoFolders: readonly string[];
  /** Package whose dependencies are in the image. */
  readonly workspace: string;
}

export const imagePrograms: Readonly<Record<string, ImageProgram>> = {
  server: {
    dockerfile: 'deploy/Dockerfile.server',
    entries: {
      letterlock: 'packages/cli/src/main.ts',
      'pkcs12-child': 'packages/cli/src/pkcs12-child.ts',
      'clean-up': 'packages/server/src/clean-up-main.ts',
      'etcd-certificates': 'packages/server/src/etcd-certificates-main.ts',
    },
    protoFolders: ['node_modules/etcd3/proto'],
    workspace: '@letterlock/cli',
  },
  agent: {
    dockerfile: 'deploy/Dockerfile.agent',
    entries: { 'letterlock-agent': 'packages/agent/src/main.ts' },
    protoFolders: ['proto'],
    workspace: '@letterlock/agent',
  },
};
