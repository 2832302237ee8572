/**
 * Shows the findings of a doctor, and lets the program fail when one of them does.
 * It must never hide one.
 * @module
 */
import type { Context } from './context.ts';
import type { Finding } from './diagnosis.ts';
import { exitStatus } from './exit-status.ts';

const marks = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

/** As lines, or as JSON; the exit status becomes 1 if one of them fails. */
export function showFindings({ output }: Context, findings: readonly Finding[]): void {
  if (output.isJson) {
    output.list(
      'checks',
      findings.map((finding) => ({ ...finding })),
      [],
      () => [],
    );
  } else {
    output.result(
      {},
      findings.map(
        ({ level, check, found, fix }) =>
          [marks[level], `${check}: ${found}${fix === undefined ? '' : `; ${fix}`}`] as const,
      ),
    );
  }
  if (findings.some(({ level }) => level === 'fail')) process.exitCode = exitStatus.internal;
}
