/**
 * What is shown where Jupyter runs without the server half of this extension.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

const COMMANDS = [
  'pip install jupyter-wallaroo',
  'jupyter server extension enable jupyter_wallaroo'
];

export function MissingServer(props: {
  trans: TranslationBundle;
  onRetry: () => void;
}): JSX.Element {
  const { trans } = props;
  const [install, enable] = COMMANDS;
  return (
    <section className="jp-wallaroo-missing" role="status">
      <h3>{trans.__('The server half is missing')}</h3>
      <p>
        {trans.__(
          'This Jupyter server does not answer for Wallaroo. In the environment that Jupyter runs in, run:'
        )}
      </p>
      <pre tabIndex={0}>{`${install}\n${enable}`}</pre>
      <p>{trans.__('Then restart Jupyter and try again.')}</p>
      <button
        className="jp-wallaroo-button jp-mod-primary"
        onClick={props.onRetry}
      >
        {trans.__('Try again')}
      </button>
    </section>
  );
}
