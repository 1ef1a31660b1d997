/**
 * The icons of this extension; they take their colours from JupyterLab's theme.
 */
import { LabIcon } from '@jupyterlab/ui-components';

/** Three joined nodes: one thing in, steps, one thing out. */
export const wallarooIcon = new LabIcon({
  name: 'jupyter-wallaroo:pipeline',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <path d="M5 8a3 3 0 1 1-1 5.83V17h6.17a3 3 0 1 1 0 2H2v-5.76A3 3 0 0 1 5 8zm0 2a1 1 0 1 0 0 2 1 1 0 0 0 0-2z"/>
    <path d="M19 2a3 3 0 1 1-1 5.83V10H7.9V8H18a3 3 0 0 1 1-6zm0 2a1 1 0 1 0 0 2 1 1 0 0 0 0-2z"/>
  </g>
</svg>`
});
