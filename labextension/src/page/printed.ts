/**
 * What was printed, as plain text.
 */
import { Fields } from '../wire';

/** How many lines are shown at most: the last ones. */
const MOST_LINES = 1000;

/** Escape sequences of terminals: colours, links, titles. */
// eslint-disable-next-line no-control-regex
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;

/** Text without colours; other control characters show themselves as nothing. */
export function plain(text: string): string {
  return text.replace(ESCAPES, '');
}

/** The last lines of a text. */
export function tail(text: string): string {
  const lines = text.split('\n');
  return lines.slice(-MOST_LINES).join('\n');
}

/** Lines of a task's log, without what precedes the text of each: time, stream and flag. */
export function logText(lines: readonly string[]): string {
  return plain(lines.map(line => line.replace(/^\S+ \S+ [FP] ?/, '')).join('\n'));
}

/** A cell's output, as notebooks keep it. */
interface IOutput {
  readonly output_type: string;
  readonly text?: string | readonly string[];
  readonly traceback?: readonly string[];
  readonly data?: Fields;
}

/** What the cells of an executed notebook printed, showed and raised. */
export function printedBy(notebook: {
  readonly cells?: readonly { readonly outputs?: readonly IOutput[] }[];
}): string {
  const outputs = (notebook.cells ?? []).flatMap(cell => cell.outputs ?? []);
  return tail(plain(outputs.map(textOf).join('')));
}

function textOf({ output_type, text, traceback, data }: IOutput): string {
  if (output_type === 'stream') {
    return joined(text);
  }
  if (output_type === 'error') {
    return `${(traceback ?? []).join('\n')}\n`;
  }
  return `${joined(data?.['text/plain'])}\n`;
}

function joined(text: unknown): string {
  return Array.isArray(text) ? text.join('') : String(text ?? '');
}
