/**
 * A form that sends one row to a pipeline, born of its model's inputs or of a row that was answered before.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import React, { useId, useMemo, useState } from 'react';

import {
  bodyOf,
  fieldsLike,
  fieldsOf,
  IField,
  jsonOf,
  Texts,
  textsOf
} from '../form';
import { inferPath, inputsOf, RECORDS_TYPE } from '../inference';
import { oneLine, Rest } from '../rest';
import { IPipeline, IRecord } from '../wire';
import { useRead } from './hooks';
import { Records } from './records';
import { Section } from './section';

export function TryIt(props: {
  readonly rest: Rest;
  readonly pipeline: IPipeline;
  /** A row that was answered before, where there is one. */
  readonly example: IRecord | null;
  readonly isVisible: boolean;
  readonly onAnswer: () => void;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { rest, pipeline, example, trans } = props;
  const version = pipeline.pipeline_version ?? pipeline.version;
  const inputs = useRead(() => inputsOf(rest, pipeline), props.isVisible, [
    version
  ]);
  const isRead = inputs.value !== null || inputs.error !== null;
  const fields = useMemo(
    () =>
      inputs.value !== null
        ? fieldsOf(inputs.value)
        : fieldsLike(example?.in ?? {}),
    [inputs.value, example]
  );
  const [typed, setTyped] = useState<Texts>(new Map());
  const [answer, setAnswer] = useState<readonly IRecord[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [isSending, setSending] = useState(false);
  const path = inferPath(pipeline);
  const body = bodyOf(fields, typed);

  const send = async (): Promise<void> => {
    if (path === null || body === null) {
      return;
    }
    setSending(true);
    setError(null);
    try {
      const response = await rest.send(path, body, {
        headers: { 'Content-Type': RECORDS_TYPE }
      });
      setAnswer((await response.json()) as IRecord[]);
      props.onAnswer();
    } catch (reason) {
      setError(oneLine(reason));
      setAnswer(null);
    } finally {
      setSending(false);
    }
  };

  return (
    <Section
      title={trans.__('Try it')}
      error={error ?? inputs.error}
      beside={
        <span className="jp-wallaroo-aside">
          <button
            className="jp-wallaroo-button"
            disabled={example === null}
            onClick={() =>
              example && setTyped(textsOf(fields, example.in))
            }
          >
            {trans.__('Take the newest record')}
          </button>
        </span>
      }
    >
      <form
        className="jp-wallaroo-form"
        onSubmit={event => {
          event.preventDefault();
          void send();
        }}
      >
        {fields.map(field => (
          <Field
            key={field.name}
            field={field}
            text={typed.get(field.name) ?? field.example}
            onType={text => setTyped(new Map(typed).set(field.name, text))}
            trans={trans}
          />
        ))}
        {isRead && fields.length === 0 && (
          <p className="jp-wallaroo-note">
            {trans.__(
              'The model does not say what it takes: the form appears once a record is in the log.'
            )}
          </p>
        )}
        <div className="jp-wallaroo-send">
          <button
            className="jp-wallaroo-button jp-mod-primary"
            type="submit"
            disabled={
              path === null || body === null || isSending || fields.length === 0
            }
          >
            {isSending ? trans.__('Running…') : trans.__('Run')}
          </button>
          {path === null && (
            <span className="jp-wallaroo-aside">
              {trans.__('Deploy the pipeline first.')}
            </span>
          )}
        </div>
      </form>
      {answer !== null && (
        <div role="status" className="jp-wallaroo-answer">
          <Records
            label={trans.__('Answer')}
            records={answer}
            trans={trans}
          />
        </div>
      )}
    </Section>
  );
}

function Field(props: {
  readonly field: IField;
  readonly text: string;
  readonly onType: (text: string) => void;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { field, text, trans } = props;
  const id = useId();
  const isWrong = jsonOf(field, text) === null;
  const common = {
    id,
    className: 'jp-wallaroo-input',
    value: text,
    'aria-invalid': isWrong,
    'aria-describedby': `${id}-type`,
    spellCheck: false,
    onChange: (
      event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>
    ) => props.onType(event.target.value)
  };
  return (
    <div className="jp-wallaroo-field">
      <label htmlFor={id}>{field.name}</label>
      {field.kind === 'json' ? (
        <textarea rows={text.length > 60 ? 3 : 1} {...common} />
      ) : (
        <input type="text" {...common} />
      )}
      <span id={`${id}-type`} className="jp-wallaroo-aside">
        {isWrong
          ? trans.__('%1: this text is none', field.type)
          : field.type}
      </span>
    </div>
  );
}
