/**
 * Durations as Kubernetes writes them: hours, minutes and seconds, such as 2m, 1h30m or 2160h.
 * It must never take a unit that the API server would refuse, such as days.
 * @module
 */
const pattern = /^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/;

/** @returns whole seconds, at least 1; undefined for any other text */
export function durationSeconds(text: string): number | undefined {
  const [, hours = '0', minutes = '0', seconds = '0'] = pattern.exec(text) ?? [];
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return total === 0 ? undefined : total;
}
