/**
 * The contents of all files of a pod, made from the plan of them and the values that are held.
 * It must never leave a value in memory when one of the files cannot be made, nor fill the pod's memory with one binding.
 * @module
 */
import { limits, ProblemError } from '@letterlock/protocol';
import { renderFile } from './formats.ts';
import type { PlannedFile } from './plan-files.ts';
import type { SecretValues } from './secret-values.ts';
import type { FileToWrite } from './write-set.ts';

const defaultMode = '0440';

/** @returns contents that are the caller's to erase. @throws 'bad_request', 'not_found'; 'too_large' with the reason TooLarge */
export function renderSet(
  planned: readonly PlannedFile[],
  valuesOf: (file: PlannedFile) => SecretValues,
): readonly FileToWrite[] {
  const files: FileToWrite[] = [];
  const bytes = new Map<string, number>();
  try {
    for (const file of planned) {
      const content = renderFile(file, valuesOf(file));
      files.push({ path: file.path, content, mode: Number.parseInt(file.perms ?? defaultMode, 8) });
      const total = (bytes.get(file.binding) ?? 0) + content.length;
      bytes.set(file.binding, total);
      if (total > limits.bindingBytes) throw tooLarge();
    }
    return files;
  } catch (error) {
    for (const { content } of files) content.fill(0);
    throw error;
  }
}

function tooLarge(): ProblemError {
  const detail = `The files of a binding have more than ${limits.bindingBytes} bytes together`;
  return new ProblemError('too_large', { reason: 'TooLarge', detail });
}
