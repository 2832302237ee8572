/**
 * Opens the writers of the configured audit sinks.
 * It must never start without one that was asked for.
 * @module
 */
import { ConfigError } from './config-error.ts';
import { fileWriter, stdoutWriter } from './audit/file-writers.ts';
import { httpWriter } from './audit/http-writer.ts';
import type { LineWriter } from './audit/line-writer.ts';
import { parseSinkAddress } from './audit/sink-address.ts';

/** @param addresses - of `audit.sinks`, already of right form. @throws ConfigError for a file that cannot be written */
export function openSinks(addresses: readonly string[]): readonly LineWriter[] {
  return addresses.map((text, index) => {
    const address = parseSinkAddress(text)!;
    if (address.kind === 'stdout') return stdoutWriter();
    if (address.kind === 'http') return httpWriter(address.url);
    try {
      return fileWriter(address.path);
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string };
      throw new ConfigError([{ at: `audit.sinks[${index}]`, message: `cannot be written (${code ?? message})` }]);
    }
  });
}
