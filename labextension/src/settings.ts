/**
 * What the user may choose; `schema/core.json` says what each is for.
 */
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';

export class Settings {
  /** How many replicas a pipeline is deployed with that was not deployed before. */
  replicas = 1;
  /** How often the figures of a page in sight are read, in seconds; 0 is never. */
  refreshPeriod_s = 5;
  /** How many records of a log are shown at once. */
  logPageSize = 50;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Take the values of the registry now, and whenever they change. */
  follow(registry: ISettingRegistry.ISettings): void {
    const take = (): void => {
      const values = registry.composite;
      this.replicas = number(values['replicas'], this.replicas);
      this.refreshPeriod_s = number(
        values['refreshPeriod'],
        this.refreshPeriod_s
      );
      this.logPageSize = number(values['logPageSize'], this.logPageSize);
      this._changed.emit();
    };
    registry.changed.connect(take);
    take();
  }

  private readonly _changed = new Signal<this, void>(this);
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
