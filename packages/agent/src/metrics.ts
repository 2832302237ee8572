/**
 * Counts of the agent in the text format of Prometheus, for who asks on the socket.
 * It must never have a label, so that nothing about secrets can stand in one.
 * @module
 */

const counters = {
  enrolments: 'Certificates had by enrolment',
  renewals: 'Certificates renewed',
  failures: 'Attempts to have a certificate that failed',
  reads: 'Secrets read from the service',
  read_failures: 'Reads that failed',
  opens: 'Secrets opened once',
  sets: 'Sets of files written',
  writes: 'Secrets written for the application',
  write_failures: 'Writes for the application that failed',
  notifications: 'Applications told of an update',
  notification_failures: 'Attempts to tell that failed',
} as const;
export type CounterName = keyof typeof counters;

/** Values that are read when they are asked for. */
export interface Gauges {
  readonly ready: () => number;
  readonly connected: () => number;
  readonly secrets: () => number;
  /** Seconds; 0 without one. */
  readonly certificate_end_seconds: () => number;
}
const gaugeHelp: Readonly<Record<keyof Gauges, string>> = {
  ready: 'Whether the files are there',
  connected: 'Whether updates are followed',
  secrets: 'Secrets in memory',
  certificate_end_seconds: 'When the certificate ends, seconds since 1970',
};

export class Metrics {
  readonly #counts = new Map<CounterName, number>();

  count(name: CounterName): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  of(name: CounterName): number {
    return this.#counts.get(name) ?? 0;
  }

  text(gauges: Gauges): string {
    const lines = [
      ...Object.entries(counters).flatMap(([name, help]) =>
        lineOf(`letterlock_agent_${name}_total`, 'counter', help, this.of(name as CounterName)),
      ),
      ...Object.entries(gaugeHelp).flatMap(([name, help]) =>
        lineOf(`letterlock_agent_${name}`, 'gauge', help, gauges[name as keyof Gauges]()),
      ),
    ];
    return `${lines.join('\n')}\n`;
  }
}

function lineOf(name: string, type: string, help: string, value: number): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`];
}
