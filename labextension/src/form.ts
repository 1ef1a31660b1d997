/**
 * The fields of a try-it form: what each takes, an example, and the JSON text that is sent.
 *
 * Texts are checked and put into the body as they are: a number is never read into a float on its way, so that 64-bit
 * integers arrive as they were typed.
 */
import { Fields, ITensorSpec } from './wire';

export type FieldKind = 'integer' | 'number' | 'boolean' | 'text' | 'json';

export interface IField {
  readonly name: string;
  readonly kind: FieldKind;
  /** What it takes, such as `float32[3]`. */
  readonly type: string;
  readonly example: string;
}

/** What was typed, by the name of the field, which may be any text; the others hold their examples. */
export type Texts = ReadonlyMap<string, string>;

/** The fields for a model's declared inputs. */
export function fieldsOf(inputs: readonly ITensorSpec[]): IField[] {
  return inputs.map(input => {
    const shape = input.shape.slice(1);
    const isScalar = shape.length === 0;
    const kind = isScalar ? kindOf(input.dtype) : 'json';
    const type = isScalar
      ? input.dtype
      : `${input.dtype}[${shape.map(length => length ?? '?').join(', ')}]`;
    return { name: input.name, kind, type, example: zeros(input.dtype, shape) };
  });
}

/** The fields for rows like one that was answered before. */
export function fieldsLike(row: Fields): IField[] {
  return Object.entries(row).map(([name, value]) => {
    const kind =
      typeof value === 'number'
        ? 'number'
        : typeof value === 'boolean'
          ? 'boolean'
          : typeof value === 'string'
            ? 'text'
            : 'json';
    const example = kind === 'text' ? String(value) : JSON.stringify(value);
    return { name, kind, type: kind, example };
  });
}

/** The texts of a row that was answered before, by field. */
export function textsOf(
  fields: readonly IField[],
  row: Fields
): Texts {
  const texts = new Map<string, string>();
  for (const { name, kind } of fields) {
    if (Object.hasOwn(row, name)) {
      const value = row[name];
      const isText = kind === 'text' && typeof value === 'string';
      texts.set(name, isText ? value : JSON.stringify(value));
    }
  }
  return texts;
}

/**
 * The JSON text of a field's text; null when it cannot be one.
 */
export function jsonOf(field: IField, text: string): string | null {
  const trimmed = text.trim();
  switch (field.kind) {
    case 'text':
      return JSON.stringify(text);
    case 'integer':
      return /^-?(0|[1-9]\d*)$/.test(trimmed) ? trimmed : null;
    case 'boolean':
      return trimmed === 'true' || trimmed === 'false' ? trimmed : null;
    default:
      try {
        const value: unknown = JSON.parse(trimmed);
        const fits = field.kind === 'json' || typeof value === 'number';
        return fits ? trimmed : null;
      } catch {
        return null;
      }
  }
}

/**
 * The body of one row; null when a field's text does not fit.
 */
export function bodyOf(
  fields: readonly IField[],
  texts: Texts
): string | null {
  const parts: string[] = [];
  for (const field of fields) {
    const json = jsonOf(field, texts.get(field.name) ?? field.example);
    if (json === null) {
      return null;
    }
    parts.push(`${JSON.stringify(field.name)}: ${json}`);
  }
  return `[{${parts.join(', ')}}]`;
}

function kindOf(dtype: string): FieldKind {
  if (/^u?int/.test(dtype)) {
    return 'integer';
  }
  if (dtype === 'bool') {
    return 'boolean';
  }
  return /^(float|double)/.test(dtype) ? 'number' : 'text';
}

/** How many values an example has at most; longer ones are left to whoever fills the form. */
const LONGEST_EXAMPLE = 4096;

function zeros(dtype: string, shape: readonly (number | null)[]): string {
  const kind = kindOf(dtype);
  const one = { boolean: 'false', text: '', json: '', integer: '0', number: '0' };
  const value = kind === 'text' && shape.length > 0 ? '""' : one[kind];
  const lengths = shape.map(length => length ?? 1);
  if (lengths.reduce((all, length) => all * length, 1) > LONGEST_EXAMPLE) {
    return '[]';
  }
  return [...lengths]
    .reverse()
    .reduce((inner, length) => `[${Array(length).fill(inner).join(', ')}]`, value);
}
