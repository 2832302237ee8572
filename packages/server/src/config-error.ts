/**
 * The one error of a configuration that cannot be used: every fault found, not only the first.
 * It must never hold a value of the configuration, only its keys.
 * @module
 */

/** One fault. Shape: dotted key, or the name of a source, and what is expected there. */
export interface ConfigFault {
  readonly at: string;
  readonly message: string;
}

/** Thrown by loadConfig and by start-up checks; `faults` has one line for each thing to correct. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(`Cannot use the configuration: ${faults.map(({ at, message }) => `${at}: ${message}`).join('; ')}`);
    this.faults = faults;
  }
}
