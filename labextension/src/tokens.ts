/**
 * What the plugins of this extension share.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';

import { Catalog } from './catalog/catalog';
import { IPipelineItem } from './catalog/pipelines';
import { Follower } from './follower';
import { Rest } from './rest';
import { Settings } from './settings';

/** The ids of the commands; the files in `schema` name them for menus and keys. */
export const CommandIDs = {
  health: 'wallaroo:health',
  showSidebar: 'wallaroo:show-sidebar',
  refresh: 'wallaroo:refresh',
  open: 'wallaroo:open-pipeline',
  logs: 'wallaroo:show-logs',
  deploy: 'wallaroo:deploy',
  undeploy: 'wallaroo:undeploy',
  rollback: 'wallaroo:roll-back',
  scale: 'wallaroo:scale',
  copyCurl: 'wallaroo:copy-curl',
  uploadFile: 'wallaroo:upload-and-deploy'
} as const;

/** What commands about a pipeline are given: which one, unless it is the one that is chosen in the tree. */
export interface IPipelineArgs {
  readonly pipelineId?: number;
  /** Whether to ask which pipeline is meant, as the palette does. */
  readonly ask?: boolean;
}

/** The server, what is on it, and what is chosen. */
export interface IWallaroo {
  readonly rest: Rest;
  readonly catalog: Catalog;
  readonly follower: Follower;
  readonly settings: Settings;
  readonly trans: TranslationBundle;
  /** The pipeline that is chosen in the tree. */
  chosen: IPipelineItem | null;
}

export const IWallaroo = new Token<IWallaroo>(
  'jupyter-wallaroo:IWallaroo',
  'The Wallaroo server behind this page and what is on it.'
);
