/**
 * The head of a page: what it is about, how that is, and what can be done with it.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import React, { ReactNode } from 'react';

import { IItem } from '../catalog/noun';
import { StateIcon } from '../stateicon';
import { complain, IVerb } from '../verbs/verb';

export function Head<T extends IItem>(props: {
  readonly item: T;
  /** How it is, in words. */
  readonly words: string;
  /** What stands beside the words. */
  readonly beside?: ReactNode;
  readonly verbs: readonly IVerb<T>[];
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { item, verbs, trans } = props;
  return (
    <header className="jp-wallaroo-head">
      <div>
        <h1>{item.name}</h1>
        <p className="jp-wallaroo-status" role="status">
          {item.state !== null && <StateIcon state={item.state} />}
          {props.words}
          {props.beside}
        </p>
      </div>
      <div
        className="jp-wallaroo-verbs"
        role="group"
        aria-label={trans.__('Actions')}
      >
        {verbs.map((verb, index) => (
          <button
            key={verb.id}
            className={`jp-wallaroo-button ${index === 0 ? 'jp-mod-primary' : ''}`}
            title={verb.caption}
            disabled={!(verb.isFor?.(item) ?? true)}
            onClick={() => void verb.execute(item, {}).catch(complain)}
          >
            {verb.label}
          </button>
        ))}
      </div>
    </header>
  );
}
