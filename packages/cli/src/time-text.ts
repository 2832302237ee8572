/**
 * Times and durations as people write and read them.
 * It must never read the clock.
 * @module
 */
import { usage } from './exit-status.ts';

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `90s`, `15m`, `24h`, `7d` as seconds. A bare number is refused: its unit would be a guess. @throws usage */
export function parseDuration(text: string, option: string): number {
  const match = /^([1-9]\d{0,6})([smhd])$/.exec(text);
  if (match === null)
    throw usage(`Cannot use ${option}: a duration is a number with its unit`, 'write it like 90s, 15m, 24h or 7d');
  return Number(match[1]) * unitSeconds[match[2] as keyof typeof unitSeconds];
}

/** Seconds since 1970 as `2026-11-24 11:39:43 UTC`. */
export function formatTime(seconds: number): string {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime())
    ? `second ${seconds}`
    : `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

const words = [
  ['d', 'days'],
  ['h', 'h'],
  ['m', 'min'],
] as const;

/** A duration in its largest whole unit: `7 days`, `1 h`, `90 s`. */
export function formatDuration(seconds: number): string {
  for (const [unit, word] of words) {
    const amount = seconds / unitSeconds[unit];
    if (amount >= 1 && Number.isInteger(amount)) return `${amount} ${amount === 1 && unit === 'd' ? 'day' : word}`;
  }
  return `${seconds} s`;
}
