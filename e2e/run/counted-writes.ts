/**
 * Whether anybody has written a secret in secret: honest writes are counted, and the next one must make the very next version.
 * It must never take silence for proof: what was refused aloud and written all the same would count.
 * @module
 */
import type { World } from './world.ts';
import { write, type Write } from './workloads.ts';

/** The writes of one honest pod, in the world of one story. */
export class CountedWrites {
  readonly #write: Write;
  readonly #fact: string;

  /** @param honest - whose password is what readers are to have */
  constructor(honest: Write) {
    this.#write = honest;
    this.#fact = `version written by ${honest.by.namespace}/${honest.by.pod}`;
  }

  /** Writes once, so that what comes can be counted. */
  begin(world: World): void {
    world.facts.set(this.#fact, String(this.#honestly(world)));
  }

  /** Another write, which was to be let in. @param version - that it made */
  count(world: World, version: number): void {
    const expected = this.#expected(world);
    if (version !== expected) throw new Error(`The write made version ${version}, not ${expected}`);
    world.facts.set(this.#fact, String(version));
  }

  /** @throws Error if a version was written that is not counted */
  demandNoOther(world: World): void {
    const expected = this.#expected(world);
    const version = this.#honestly(world);
    world.facts.set(this.#fact, String(version));
    if (version !== expected) throw new Error(`token accepted: somebody has written version ${expected}`);
  }

  #expected(world: World): number {
    return Number(world.facts.get(this.#fact)) + 1;
  }

  #honestly(world: World): number {
    const { stdout, stderr } = write(world, this.#write);
    if (!stdout.endsWith(' 201')) throw new Error(`The honest writer was answered ${stdout}${stderr}`);
    return (JSON.parse(stdout.slice(0, -' 201'.length)) as { readonly version: number }).version;
  }
}
