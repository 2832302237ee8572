/**
 * An admin pins the cluster; a sealed server gets a share only where the cluster itself says that it is the right process.
 * @module
 */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { helmApply, valuesOf } from '../run/installation.ts';
import type { Step } from '../run/story.ts';
import type { World } from '../run/world.ts';
import { asAnna, demandOfAnna, demandSaid, demandState, inside, logOf, server, serviceNamespace } from './service.ts';

const unseal = 'unseal --key anna.key';
const other = `sha256:${'6f'.repeat(32)}`;

/** Pins the cluster as it is, with one image. */
const pinCluster = (world: World, image: string): Promise<string> =>
  demandOfAnna(world, `trust cluster --replace --image ${image}`);

/** What must give no share: changes one thing, and sees that the service stays sealed. */
function refused(
  title: string,
  o: {
    readonly change: (world: World) => Promise<unknown>;
    readonly words?: string;
    readonly status?: number;
    readonly says: string;
  },
): Step {
  return {
    title: `refused: ${title}`,
    async run(world) {
      try {
        await o.change(world);
        demandSaid(await demandOfAnna(world, o.words ?? unseal, o.status ?? 8), o.says);
        await demandState(world, 'sealed');
      } finally {
        await pinCluster(world, await world.imageDigest('server'));
      }
    },
  };
}

export const steps: readonly Step[] = [
  {
    title: 'the images of server and agent are made and imported',
    seconds: 240,
    async run(world) {
      for (const name of ['server', 'agent'] as const) world.note(await world.image(name));
    },
  },
  {
    title: 'helm installs the chart, whose server attests itself',
    seconds: 240,
    async run(world) {
      const images = [await world.imageDigest('server')];
      helmApply(world, 'install', serviceNamespace, {
        ...(await valuesOf(world, serviceNamespace)),
        attest: { images },
      });
    },
  },
  {
    title: 'anna pins the service, whose share check says that a cluster attests it',
    async run(world) {
      const fingerprint = logOf(world).find(({ msg }) => msg === 'Listening')?.['fingerprint'];
      await demandOfAnna(world, `trust add --trust ${String(fingerprint)}`);
      demandSaid(await demandOfAnna(world, 'share check --key anna.key'), 'letterlock trust cluster');
    },
  },
  {
    title: 'she pins the cluster, as its API server shows it',
    async run(world) {
      const digest = await world.imageDigest('server');
      const said = await demandOfAnna(world, `trust cluster --image ${digest}`);
      const { issuer } = JSON.parse(world.kubectl(['get', '--raw', '/.well-known/openid-configuration'])) as {
        readonly issuer: string;
      };
      demandSaid(said, issuer, digest, `${serviceNamespace}/letterlock-server`);
      // Nothing new runs: nothing is asked.
      await demandOfAnna(world, 'trust cluster');
      await demandOfAnna(world, 'share check --key anna.key');
    },
  },
  {
    title: 'after a seal she unseals without a question, and is told what was seen',
    async run(world) {
      await demandOfAnna(world, 'seal --key anna.key');
      await demandState(world, 'sealed');
      const said = await demandOfAnna(world, unseal);
      const uid = world.kubectl(`${inside} get pod ${server} -o jsonpath={.metadata.uid}`);
      demandSaid(
        said,
        uid,
        `runs the pinned image ${await world.imageDigest('server')}`,
        'its log names the fingerprint',
      );
      await demandState(world, 'unsealed');
    },
  },
  {
    title: 'without the cluster she unseals by the token alone, and is told so',
    async run(world) {
      await demandOfAnna(world, 'seal --key anna.key');
      demandSaid(await demandOfAnna(world, `${unseal} --offline`), 'image and log not looked at');
      await demandState(world, 'unsealed');
      await demandOfAnna(world, 'seal --key anna.key');
    },
  },
  refused('an image that is not pinned', {
    change: (world) => pinCluster(world, other),
    says: 'which is not pinned',
  }),
  refused('a token that the pinned keys have not signed', {
    change: (world) => pinStranger(world),
    says: 'no known key of the cluster has signed it',
  }),
  refused('a cluster that is not the pinned one', {
    change: (world) => pinStranger(world),
    words: `${unseal} --context default-of-kubectl`,
    status: 7,
    says: 'Cannot read',
  }),
  refused('a boot fingerprint that is another one', {
    change: async () => undefined,
    words: `${unseal} --boot ${'A'.repeat(43)}`,
    says: 'not the attested process',
  }),
  {
    title: 'what was refused gave nothing away: she unseals it now',
    async run(world) {
      const { status, stderr } = await asAnna(world, unseal);
      if (status !== 0) throw new Error(stderr);
      const counted = logOf(world).filter(({ msg }) => msg === 'Refused admin');
      if (counted.length > 0) throw new Error(`The server refused something: ${JSON.stringify(counted)}`);
      await demandState(world, 'unsealed');
    },
  },
];

/** Pins signing keys that are not the cluster's, as of somebody without access to it. */
async function pinStranger(world: World): Promise<void> {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'stranger' };
  writeFileSync(join(world.folder, 'keys.json'), JSON.stringify({ keys: [jwk] }));
  const { issuer } = JSON.parse(world.kubectl(['get', '--raw', '/.well-known/openid-configuration'])) as {
    readonly issuer: string;
  };
  const words = `trust cluster --replace --jwks keys.json --issuer ${issuer} --namespace ${serviceNamespace}`;
  await demandOfAnna(world, words);
}
