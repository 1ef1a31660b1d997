/**
 * The kinds of things that the tree shows, in its order: a further one is a further line.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { Connections } from './connections';
import { Models } from './models';
import { INoun } from './noun';
import { Orchestrations } from './orchestrations';
import { Pipelines } from './pipelines';
import { Runs } from './runs';
import { Tasks } from './tasks';

export function nouns(trans: TranslationBundle): readonly INoun[] {
  return [
    new Pipelines(trans),
    new Models(trans),
    new Connections(trans),
    new Orchestrations(trans),
    new Tasks(trans),
    new Runs(trans)
  ];
}
