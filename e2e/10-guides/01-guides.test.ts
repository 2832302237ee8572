/**
 * The pages of the guide about Kubernetes: each command as it stands, on one installation, the first page's last section last.
 * @module
 */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readBlocks, scriptOf, type Block } from '../guide/read-blocks.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';

const root = join(import.meta.dirname, '../..');
const installation = 'docs/guide/kubernetes-install.md';
const isUninstall = ({ heading }: Block): boolean => heading === 'Uninstall';
/** Of a page: pods start, and some wait for what comes later. */
const pageSeconds = 240;

/** What a reader sets before the first command, as the pages say. */
async function variables(world: World): Promise<Readonly<Record<string, string>>> {
  const server = await world.image('server');
  return {
    REGISTRY: server.slice(0, server.lastIndexOf('/')),
    AGENT_DIGEST: await world.imageDigest('agent'),
    APP_IMAGE: await world.image('app'),
  };
}

async function run(world: World, blocks: readonly Block[]): Promise<void> {
  if (blocks.length === 0) throw new Error('There are no commands');
  const outcome = world.tryShell(scriptOf(blocks), { seconds: pageSeconds, variables: await variables(world) });
  // The last lines tell where it ended.
  if (outcome.status !== 0) throw new Error(`${outcome.stdout}${outcome.stderr}`.split('\n').slice(-30).join('\n'));
}

const step = (title: string, page: string, isChosen: (block: Block) => boolean = () => true): Step => ({
  title,
  seconds: pageSeconds + 10,
  run: (world) => run(world, readBlocks(page).filter(isChosen)),
});

export const steps: readonly Step[] = [
  {
    title: 'the images are made and imported, and the chart is where the pages expect it',
    seconds: 240,
    async run(world) {
      await variables(world);
      symlinkSync(join(root, 'charts'), join(world.folder, 'charts'), 'dir');
      // Definitions outlive a release, and those of another story say that they are that one's.
      const found = world
        .kubectl('get crd -o name')
        .split('\n')
        .filter((name) => name.endsWith('.letterlock.dev'));
      const owner = 'meta.helm.sh/release-namespace=letterlock-system';
      if (found.length > 0) world.kubectl(['annotate', '--overwrite', ...found, owner]);
    },
  },
  step('installing runs as it is written', installation, (block) => !isUninstall(block)),
  step('the page for applications runs as it is written', 'docs/guide/for-applications.md'),
  step('the page for writers runs as it is written', 'docs/guide/for-writers.md'),
  step('uninstalling runs as it is written', installation, isUninstall),
  {
    title: 'nothing of the service is left but the definitions',
    run(world) {
      const kinds =
        'namespaces,clusterroles,clusterrolebindings,validatingadmissionpolicies,mutatingwebhookconfigurations';
      const left = world
        .kubectl(`get ${kinds} -o name`)
        .split('\n')
        .filter((name) => name.includes('letterlock'));
      if (left.length > 0) throw new Error(left.join('\n'));
    },
  },
];
