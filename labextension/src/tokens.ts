/**
 * What the plugins of this extension share.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import { ISignal } from '@lumino/signaling';

import { Catalog } from './catalog/catalog';
import { IItem } from './catalog/noun';
import { IEvent } from './events';
import { Follower } from './follower';
import { Rest } from './rest';
import { Settings } from './settings';

/** The ids of the commands; the files in `schema` name them for menus and keys. */
export const CommandIDs = {
  health: 'wallaroo:health',
  showSidebar: 'wallaroo:show-sidebar',
  refresh: 'wallaroo:refresh',
  uploadFile: 'wallaroo:upload-and-deploy',

  open: 'wallaroo:open-pipeline',
  logs: 'wallaroo:show-logs',
  deploy: 'wallaroo:deploy',
  undeploy: 'wallaroo:undeploy',
  rollback: 'wallaroo:roll-back',
  scale: 'wallaroo:scale',
  copyCurl: 'wallaroo:copy-curl',

  deployModel: 'wallaroo:deploy-model',
  copyModel: 'wallaroo:copy-model-reference',

  readConnection: 'wallaroo:read-connection',
  copyConnection: 'wallaroo:copy-connection',
  unlinkConnection: 'wallaroo:remove-connection-from-workspace',
  deleteConnection: 'wallaroo:delete-connection',

  runOrchestration: 'wallaroo:run-orchestration',
  scheduleOrchestration: 'wallaroo:schedule-orchestration',
  deleteOrchestration: 'wallaroo:delete-orchestration',

  openTask: 'wallaroo:open-task',
  taskLog: 'wallaroo:show-task-log',
  runTask: 'wallaroo:run-task-now',
  pauseTask: 'wallaroo:pause-task',
  resumeTask: 'wallaroo:resume-task',
  killTask: 'wallaroo:kill-task',

  openRun: 'wallaroo:open-run',
  runAgain: 'wallaroo:run-again',
  cancelRun: 'wallaroo:cancel-run'
} as const;

/** What commands about a thing are given: which one, unless it is the one that is chosen in the tree. */
export interface IItemArgs {
  readonly key?: string;
  readonly workspaceId?: number;
  /** Whether to ask which one is meant, as the palette does. */
  readonly ask?: boolean;
}

/** The server, what is on it, and what is chosen. */
export interface IWallaroo {
  readonly rest: Rest;
  readonly catalog: Catalog;
  readonly follower: Follower;
  readonly settings: Settings;
  readonly trans: TranslationBundle;
  /** What Jupyter's event bus says. */
  readonly events: ISignal<unknown, IEvent>;
  /** What is chosen in the tree. */
  chosen: IItem | null;
}

export const IWallaroo = new Token<IWallaroo>(
  'jupyter-wallaroo:IWallaroo',
  'The Wallaroo server behind this page and what is on it.'
);
