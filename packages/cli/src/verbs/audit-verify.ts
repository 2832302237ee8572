/**
 * `letterlock audit verify`: verifies the lines of audit sinks without the service.
 * It must never call a trail whole in which anything is missing, changed or signed by another key.
 * @module
 */
import { createReadStream } from 'node:fs';
import { AuditVerifier, type AuditFinding, type AuditReport } from '@letterlock/crypto';
import { expectedFingerprint } from '../connect.ts';
import { CommandError, usage } from '../exit-status.ts';
import { readLines } from '../files/read-lines.ts';
import { formatTime } from '../time-text.ts';
import { defineVerb } from '../verb.ts';
import type { Row } from '../output.ts';

/** Findings that a person is shown; --output json has all. */
const shownFindings = 20;

export const verb = defineVerb({
  description:
    'Takes the files of the audit sinks of all replicas, from the first line on, rotated files included and in any order. ' +
    'Each record must be there once, unchanged, and in the order of its number; the checkpoints must form one chain that the ' +
    'instance key signed. The fingerprint is that of --trust, or the pinned one. Records after the last checkpoint are ' +
    'counted, but nothing proves them yet. Exit status 8 on any finding.',
  arguments: { '<file...>': 'files of audit lines; - for standard input' },
  options: {
    through: {
      flags: '--through <n>',
      help: 'number of a checkpoint that is known to exist: a trail that ends before it is a finding',
    },
  },
  examples: [
    {
      command: 'letterlock audit verify audit.jsonl --trust KWYlWrz4ZyBmLN7j6_dFpeLI0DFzpiW6ZmGVYxVxPyI',
      does: 'verify against a fingerprint',
    },
    {
      command: 'letterlock audit verify replica-*/audit.jsonl* --through 1440',
      does: 'verify the files of all replicas, which must reach checkpoint 1440',
    },
  ],
  async run(context, { arguments: files, options: { through } }) {
    if (through !== undefined && !/^[1-9]\d{0,14}$/.test(through))
      throw usage('Cannot use --through: it is a number from 1');
    const fingerprint = await expectedFingerprint(context);
    const verifier = new AuditVerifier(fingerprint);
    for (const file of files) {
      const stream: AsyncIterable<Uint8Array> = file === '-' ? context.input : createReadStream(file);
      let line = 0;
      for await (const { text, isComplete } of readLines(stream)) {
        line += 1;
        // A file that is being written may end in half a line.
        if (isComplete) verifier.add(text, { file, line });
        else context.output.warn(`The last line of ${file} is not complete and does not count`);
      }
    }
    const report = verifier.report(through === undefined ? {} : { through: Number(through) });
    context.output.result(asResult(report, fingerprint), rowsOf(report, fingerprint));
    const count = report.findings.length;
    if (count > 0) {
      throw new CommandError(
        'integrity',
        `The audit trail is not whole: ${count === 1 ? 'one finding' : `${count} findings`}`,
        'keep the files as they are; the records in the store say what was there',
      );
    }
  },
});

function asResult({ findings, last, ...counts }: AuditReport, fingerprint: string) {
  return {
    isWhole: findings.length === 0,
    ...counts,
    ...(last === undefined ? {} : { lastCheckpoint: { ...last } }),
    fingerprint,
    findings: findings.map((finding) => ({ ...finding })),
  };
}

function rowsOf(report: AuditReport, fingerprint: string): readonly Row[] {
  const { findings, records, replicas, voids, repeated, checkpoints, uncovered, last } = report;
  const rest = findings.length - shownFindings;
  return [
    ['trail', findings.length === 0 ? 'whole' : 'NOT whole'],
    ['records', `${records} of ${replicas} ${replicas === 1 ? 'process' : 'processes'}`],
    ['void numbers', `${voids}`],
    ['repeated lines', `${repeated}`],
    ['checkpoints', last === undefined ? '0' : `${checkpoints}, the last is number ${last.n} of ${formatTime(last.t)}`],
    ['not covered', uncovered === 0 ? '0' : `${uncovered} records: nothing proves them yet`],
    ['signed by', fingerprint],
    ...findings.slice(0, shownFindings).map((finding): Row => ['finding', describe(finding)]),
    ...(rest > 0 ? [['', `and ${rest} more`] as const] : []),
  ];
}

function describe({ what, file, line }: AuditFinding): string {
  return file === undefined ? what : `${file}:${line}: ${what}`;
}
