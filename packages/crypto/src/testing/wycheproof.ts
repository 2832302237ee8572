/**
 * Runs one file of project Wycheproof's vectors and reports it as tools/wycheproof wants (its README.md).
 * It must never skip: missing data, an unknown schema and an unknown flag are failures.
 * @module
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';

export interface WycheproofTest {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly [member: string]: unknown;
}
export type WycheproofGroup = Readonly<Record<string, unknown>> & { readonly tests: readonly WycheproofTest[] };
interface WycheproofFile {
  readonly schema: string;
  readonly numberOfTests: number;
  readonly testGroups: readonly WycheproofGroup[];
}

export interface WycheproofRun {
  /** Name without `.json`. */
  readonly file: string;
  readonly schema: string;
  readonly flags: readonly string[];
  /** Whether we accept the vector: a result that it names must be right, or this throws. Refusing is false or any error. */
  readonly accepts: (vector: WycheproofTest, group: WycheproofGroup) => boolean | Promise<boolean>;
  /** Whether our policy takes what Wycheproof calls valid or acceptable; undefined: either is right. Default: takes it if valid. */
  readonly takes?: (vector: WycheproofTest, group: WycheproofGroup) => boolean | undefined;
}

/** Thrown when a vector was accepted and gave another result than it names: always a failure, never a refusal. */
class WrongResult extends Error {
  override readonly name = 'WrongResult';
}

/** Compares a computed result with the vector's. */
export function sameBytes(computed: Uint8Array, expected: Uint8Array): true {
  if (Buffer.compare(computed, expected) !== 0) throw new WrongResult('The result is not that of the vector');
  return true;
}

/** A member that holds hexadecimal bytes. */
export function bytesOf(source: Readonly<Record<string, unknown>>, member: string): Buffer {
  const value = source[member];
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})*$/i.test(value))
    throw new WrongResult(`No hexadecimal ${member}`);
  return Buffer.from(value, 'hex');
}

/** Declares the test and the report of one file. */
export function runWycheproof(run: WycheproofRun): void {
  let vectors = 0;
  const falseAccepts: string[] = [];

  test(`Wycheproof ${run.file}`, async () => {
    const file = readVectors(run.file);
    expect(file.schema).toBe(run.schema);
    const mismatches: string[] = [];
    for (const group of file.testGroups) {
      for (const vector of group.tests) {
        const name = `${vector.tcId}: ${vector.comment}`;
        const unknown = vector.flags.filter((flag) => !run.flags.includes(flag));
        if (unknown.length > 0) mismatches.push(`${name} has unknown flags ${unknown.join(', ')}`);
        vectors += 1;
        const accepted = await isAccepted(run, vector, group);
        if (accepted && vector.result === 'invalid') falseAccepts.push(name);
        const wanted = wantedOf(run, vector, group);
        if (wanted !== undefined && accepted !== wanted) {
          mismatches.push(`${name} (${vector.result}) is ${accepted ? 'accepted' : 'refused'}`);
        }
      }
    }
    expect(mismatches).toEqual([]);
    expect(falseAccepts).toEqual([]);
    expect(vectors).toBe(file.numberOfTests);
  }, 120_000);

  afterAll(() => {
    const report = { file: `${run.file}.json`, vectors, falseAccepts: falseAccepts.length };
    appendFileSync(environment('LETTERLOCK_WYCHEPROOF_REPORT'), `${JSON.stringify(report)}\n`);
  });
}

function wantedOf(run: WycheproofRun, vector: WycheproofTest, group: WycheproofGroup): boolean | undefined {
  if (vector.result === 'invalid') return false;
  return run.takes === undefined ? vector.result === 'valid' || undefined : run.takes(vector, group);
}

async function isAccepted(run: WycheproofRun, vector: WycheproofTest, group: WycheproofGroup): Promise<boolean> {
  try {
    return await run.accepts(vector, group);
  } catch (error) {
    if (error instanceof WrongResult && vector.result !== 'invalid') {
      throw new Error(`${run.file} ${vector.tcId}: ${vector.comment}`, { cause: error });
    }
    return error instanceof WrongResult;
  }
}

function readVectors(name: string): WycheproofFile {
  const path = join(environment('LETTERLOCK_WYCHEPROOF'), `${name}.json`);
  return JSON.parse(readFileSync(path, 'utf8')) as WycheproofFile;
}

function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`Cannot run Wycheproof: need ${name}, run make wycheproof`);
  return value;
}
