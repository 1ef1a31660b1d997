/**
 * The plugins of the `jupyter-wallaroo` extension.
 *
 * They use the REST interface and Jupyter's events only. Nothing is asked of the server before something is in sight that
 * shows it, and nothing is polled but the live figures of a page in sight.
 */
import { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { about } from './plugins/about';
import { core } from './plugins/core';
import { files } from './plugins/files';
import { pages } from './plugins/pages';
import { launcher, sidebar, status } from './plugins/sidebar';
import { verbCommands } from './plugins/verbs';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  about,
  core,
  sidebar,
  launcher,
  status,
  verbCommands,
  pages,
  files
];

export default plugins;
