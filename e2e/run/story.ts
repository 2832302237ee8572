/**
 * What a story on a real cluster is made of: numbered files with steps, which run in order in one world.
 * It must never do anything itself.
 * @module
 */
import type { World } from './world.ts';

/** One thing that must hold. */
export interface Step {
  /** What holds, such as "the node is Ready". */
  readonly title: string;
  /** Throws when it does not hold. */
  readonly run: (world: World) => Promise<void> | void;
  /** Default 60. */
  readonly seconds?: number;
  /** A row of a table: it needs no other row and no other needs it, so `ROW=` can choose it. Default false. */
  readonly isRow?: boolean;
}

/** A numbered file of a story. */
export interface StoryFile {
  /** Without its ending. */
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface Story {
  readonly name: string;
  readonly files: readonly StoryFile[];
  /** Removes what the steps made, whatever became of them. */
  readonly teardown: (world: World) => Promise<void> | void;
}
