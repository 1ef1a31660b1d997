/**
 * An instant as the reader's own place writes it.
 *
 * @param time - milliseconds since the epoch.
 */
export function moment(time: number): string {
  return new Date(time).toLocaleString(undefined, {
    dateStyle: 'short',
    timeStyle: 'medium'
  });
}
