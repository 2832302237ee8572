/**
 * Adds up the lines that the Wycheproof tests write, one a vector file.
 * Must never accept a line that it cannot read, or a run that reported nothing.
 * @module
 */
import { basename } from 'node:path';

export interface Totals {
  readonly files: number;
  readonly vectors: number;
  readonly falseAccepts: number;
}

/** Throws when a line is malformed, a file is reported twice, or no vector was run. */
export function sumReports(text: string): Totals {
  const reports = text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseReport);
  const files = new Set(reports.map(({ file }) => file));
  if (files.size !== reports.length) throw new Error('Cannot sum: a vector file is reported twice');
  const vectors = reports.reduce((sum, report) => sum + report.vectors, 0);
  if (vectors === 0) throw new Error('Cannot sum: no vector was run');
  return { files: files.size, vectors, falseAccepts: reports.reduce((sum, report) => sum + report.falseAccepts, 0) };
}

interface Report {
  readonly file: string;
  readonly vectors: number;
  readonly falseAccepts: number;
}

function parseReport(line: string): Report {
  const { file, vectors, falseAccepts } = parseObject(line);
  if (typeof file !== 'string' || basename(file) !== file || !isCount(vectors) || !isCount(falseAccepts)) {
    throw new Error(`Cannot sum: ${line} is not a report`);
  }
  return { file, vectors, falseAccepts };
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  try {
    return { ...(JSON.parse(line) as object) };
  } catch (cause) {
    throw new Error(`Cannot sum: ${line} is not a report`, { cause });
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
