/**
 * A widget that has the catalog kept true while it is in sight, and asks nothing of the server while it is not.
 */
import { ReactWidget } from '@jupyterlab/ui-components';
import { IDisposable } from '@lumino/disposable';
import { Message } from '@lumino/messaging';

import { IWallaroo } from './tokens';

export abstract class AttendingWidget extends ReactWidget {
  protected constructor(protected readonly wallaroo: IWallaroo) {
    super();
    wallaroo.catalog.changed.connect(this.onChanged, this);
    wallaroo.settings.changed.connect(this.onChanged, this);
  }

  /** Whether it is in sight. */
  protected get isAttending(): boolean {
    return this.attending !== null;
  }

  /** Called whenever it comes into sight. */
  protected onAttend(): void {
    // There is nothing to do but to be rendered.
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.attend();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.attend();
    }
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.leave();
  }

  protected override onBeforeDetach(message: Message): void {
    this.leave();
    super.onBeforeDetach(message);
  }

  private attend(): void {
    this.attending ??= this.wallaroo.catalog.attend();
    this.onAttend();
    this.update();
  }

  private leave(): void {
    this.attending?.dispose();
    this.attending = null;
    // What is rendered learns that it is out of sight, and reads no more.
    if (this.isAttached) {
      this.update();
    }
  }

  private onChanged(): void {
    // A hidden widget is not updated; it is when it is shown again.
    if (this.isVisible) {
      this.update();
    }
  }

  private attending: IDisposable | null = null;
}
