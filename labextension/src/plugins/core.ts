/**
 * What the other plugins share: the server, what is on it, the settings.
 */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import { nouns } from '../catalog';
import { Catalog } from '../catalog/catalog';
import { IEvent } from '../events';
import { Follower } from '../follower';
import { Rest } from '../rest';
import { Settings } from '../settings';
import { IWallaroo } from '../tokens';

const ID = 'jupyter-wallaroo:core';

export const core: JupyterFrontEndPlugin<IWallaroo> = {
  id: ID,
  description: 'Follows what is on the Wallaroo server, by Jupyter’s events.',
  autoStart: true,
  provides: IWallaroo,
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ): IWallaroo => {
    const trans = (translator ?? nullTranslator).load('jupyter_wallaroo');
    const { serviceManager } = app;
    const rest = new Rest(serviceManager.serverSettings);
    const catalog = new Catalog(rest, nouns(trans));
    const follower = new Follower(rest);
    const settings = new Settings();
    const events = new Signal<object, IEvent>({});

    serviceManager.events.stream.connect((_, event) => {
      catalog.hear(event);
      follower.hear(event);
      events.emit(event as unknown as IEvent);
    });
    serviceManager.connectionFailure.connect(() => catalog.distrust());
    registry?.load(ID).then(
      loaded => settings.follow(loaded),
      error => console.warn('The settings of Wallaroo could not be read', error)
    );
    return {
      rest,
      catalog,
      follower,
      settings,
      trans,
      events,
      chosen: null
    };
  }
};
