/**
 * Instants and durations as the reader's own place writes them.
 */

/**
 * An instant.
 *
 * @param time - milliseconds since the epoch, or ISO 8601.
 */
export function moment(time: number | string): string {
  const date = new Date(time);
  return isNaN(date.getTime())
    ? String(time)
    : date.toLocaleString(undefined, {
        dateStyle: 'short',
        timeStyle: 'medium'
      });
}

/**
 * How long something took, or takes so far; a dash when it has not begun.
 *
 * @param start - ISO 8601, or null.
 * @param end - ISO 8601, or null while it goes on.
 * @param now - milliseconds since the epoch.
 */
export function duration(
  start: string | null,
  end: string | null,
  now: number
): string {
  if (start === null) {
    return '–';
  }
  const until = end === null ? now : Date.parse(end);
  const seconds = Math.max(0, (until - Date.parse(start)) / 1000);
  if (seconds < 60) {
    return `${end === null ? Math.floor(seconds) : seconds.toFixed(1)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
