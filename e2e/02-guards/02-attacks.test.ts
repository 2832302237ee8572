/**
 * Every guard refuses its attacks, and without its binding each of them is accepted.
 * WITHOUT names a guard whose binding is deleted before: then its rows fail, each by itself, which shows that they can.
 * @module
 */
import type { Step } from '../run/story.ts';
import { withoutGuard } from '../run/without-guard.ts';
import type { Outcome, World } from '../run/world.ts';
import { allowed, attacks, type Attempt } from './attacks.ts';

const { WITHOUT: without } = process.env as Readonly<Record<string, string | undefined>>;

/** What somebody has who is let in. */
const gains: Readonly<Record<string, string>> = {
  token: 'token',
  'server-token': 'token',
  'boot-token': 'token',
  exec: 'program',
  'live-edit': 'change',
  debug: 'ephemeral container',
  shape: 'pod',
  trust: 'change',
  'server-pods': 'pod',
  'server-secrets': 'Secret',
};

const isRefused = ({ stderr }: Outcome, guard: string): boolean =>
  stderr.includes(`ValidatingAdmissionPolicy 'letterlock-${guard}'`);

/** One that was cut off was let in. */
const isAccepted = ({ status, stderr }: Outcome): boolean =>
  status === 0 || (status === null && !stderr.includes('ValidatingAdmissionPolicy'));

async function attempt({ run }: Attempt, world: World): Promise<Outcome> {
  return run(world, await world.image('app'));
}

/** The rows of one guard must then fail; without waiting, the first ones might come before the API server has heard of it. */
function stepAside(named: string): Step {
  const guard = named.replace(/^letterlock-/, '');
  return {
    title: `the binding of the guard ${guard} is deleted`,
    async run(world) {
      const [row] = attacks[guard] ?? [];
      if (row === undefined) throw new Error(`There is no guard ${guard}, only ${Object.keys(attacks).join(', ')}`);
      world.kubectl(`delete validatingadmissionpolicybinding letterlock-${guard}`);
      await world.eventually('the guard still held', async () => isAccepted(await attempt(row, world)));
    },
  };
}

const refused = Object.entries(attacks).flatMap(([guard, rows]) =>
  rows.map((row): Step => ({
    title: `${guard}: refused when ${row.title}`,
    isRow: true,
    async run(world) {
      const outcome = await attempt(row, world);
      if (!isRefused(outcome, guard))
        throw new Error(`${gains[guard]} accepted\n${outcome.status}: ${outcome.stdout}${outcome.stderr}`);
    },
  })),
);

const accepted = Object.entries(attacks).map(([guard, rows]): Step => ({
  title: `${guard}: without its binding, all of that is accepted`,
  isRow: true,
  seconds: 120,
  async run(world) {
    await withoutGuard(world, guard, async () => {
      for (const row of rows) {
        let last: Outcome | undefined;
        try {
          await world.eventually(
            'refused',
            async () => {
              last = await attempt(row, world);
              return isAccepted(last);
            },
            15,
          );
        } catch {
          throw new Error(`still refused: ${row.title}\n${last?.stdout}${last?.stderr}`);
        }
      }
    });
    await world.eventually('the guard did not come back', async () => isRefused(await attempt(rows[0]!, world), guard));
  },
}));

const letThrough = allowed.map((row): Step => ({
  title: `let through: ${row.title}`,
  isRow: true,
  async run(world) {
    const { status, stdout, stderr } = await attempt(row, world);
    if (status !== 0) throw new Error(`refused: ${stdout}${stderr}`);
  },
}));

export const steps: readonly Step[] =
  without === undefined || without === ''
    ? [...letThrough, ...refused, ...accepted]
    : [stepAside(without), ...letThrough, ...refused];
