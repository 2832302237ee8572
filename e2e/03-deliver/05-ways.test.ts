/**
 * The other ways of receiving: an agent that ends before the application, templates with their filters, a call at an update.
 * @module
 */
import type { Step } from '../run/story.ts';
import { callsLogged, demandWriteTo, fileIn, formatsBinding, jobWithInitAgent, pod } from './more-workloads.ts';
import { account, demandWrite, shop } from './workloads.ts';

const password = `a b/c"d'e`;
const files = {
  url: 'pg://orders:a%20b%2Fc%22d%27e@db/orders',
  base64: Buffer.from(password).toString('base64'),
  json: `{"password":${JSON.stringify(password)}}`,
  shell: `PASSWORD='a b/c"d'\\''e'`,
  env: `password="a b/c\\"d'e"\n`,
};

export const steps: readonly Step[] = [
  {
    title: 'mode init: the agent of a Job ends before the application starts, which reads the file',
    seconds: 90,
    async run(world) {
      demandWrite(world, 'writer', 'for the job');
      world.apply([jobWithInitAgent(await world.image('app'), 'migrate-init')]);
      world.kubectl(`-n ${shop} wait --for=condition=Complete job/migrate-init --timeout=80s`);
      const said = world.kubectl(`-n ${shop} logs job/migrate-init -c app`);
      if (said !== 'for the job') throw new Error(`The Job read ${said}`);
    },
  },
  {
    title: 'templates come with every filter, and dotenv',
    seconds: 90,
    async run(world) {
      world.apply([account(shop, 'formats'), formatsBinding]);
      const image = await world.image('app');
      world.apply([pod(image, 'formats', { account: 'formats', command: callsLogged })]);
      await demandWriteTo(world, 'formats', 'db', { password });
      world.kubectl(`-n ${shop} wait --for=condition=Ready pod/formats --timeout=50s`);
      for (const [path, wanted] of Object.entries(files)) {
        const found = fileIn(world, 'formats', path);
        if (found !== wanted) throw new Error(`${path} is ${found}`);
      }
    },
  },
  {
    title: 'onUpdate HTTP: the application is called when its files have changed, and not before',
    async run(world) {
      const calls = (): string => world.kubectl(`-n ${shop} logs formats -c app`);
      if (calls() !== '') throw new Error(`It was called at the start: ${calls()}`);
      await demandWriteTo(world, 'formats', 'db', { password: 'changed' });
      await world.eventually('it was not called', () => calls().startsWith('POST /reload\n'));
      if (fileIn(world, 'formats', 'json') !== '{"password":"changed"}') throw new Error('It was called too early');
      world.kubectl(`-n ${shop} delete pod formats --wait=false`);
    },
  },
];
