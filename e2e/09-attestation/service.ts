/**
 * The service of this story, and anna, who administers it from her own computer.
 * It must never reach the service but as she does, by a forward to its pod.
 * @module
 */
import { withForwards } from '../run/forward.ts';
import type { Outcome, World } from '../run/world.ts';

export const serviceNamespace = 'letterlock-attested';
export const inside = `-n ${serviceNamespace}`;
export const server = 'letterlock-server-0';

/** Lines of the server's log, as JSON. */
export function logOf(world: World): readonly Readonly<Record<string, unknown>>[] {
  return world
    .kubectl(`${inside} logs ${server}`)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

/** Runs `letterlock` as anna, where it may fail. Shape of words: separated by spaces. */
export async function asAnna(world: World, words: string): Promise<Outcome> {
  return await withForwards(world, { namespace: serviceNamespace, pods: [server], port: 8443 }, ([place = '']) =>
    world.tryLetterlock(words, { variables: { LETTERLOCK_ADDRESS: 'https://localhost:8443', LETTERLOCK_DIAL: place } }),
  );
}

/** The same where it must end with this status. @returns everything that it said */
export async function demandOfAnna(world: World, words: string, status = 0): Promise<string> {
  const ended = await asAnna(world, words);
  const said = `${ended.stdout}${ended.stderr}`;
  if (ended.status === status) return said;
  throw new Error(`letterlock ${words} ended with status ${ended.status}, wanted ${status}: ${said}`);
}

/** @throws Error unless all of the texts were said */
export function demandSaid(said: string, ...texts: readonly string[]): void {
  for (const text of texts) if (!said.includes(text)) throw new Error(`It does not say ${text}: ${said}`);
}

export async function demandState(world: World, state: 'sealed' | 'unsealed'): Promise<void> {
  demandSaid(await demandOfAnna(world, 'status -o json', state === 'sealed' ? 6 : 0), `"${state}"`);
}
