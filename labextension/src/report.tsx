/**
 * How the server's health is shown: a dialog, or one sentence when it cannot be read.
 */
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { ServerConnection } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { fetchHealth, IHealth } from './health';

/**
 * Read the server's health and show it to the user.
 *
 * A failure becomes a notification: a command's rejected promise would reach
 * only the browser's console.
 */
export async function reportHealth(
  settings: ServerConnection.ISettings,
  trans: TranslationBundle
): Promise<void> {
  let health: IHealth;
  try {
    health = await fetchHealth(settings);
  } catch (error) {
    Notification.error(
      trans.__(
        'The health of the Wallaroo server could not be read: %1',
        oneLine(error)
      ),
      // Without autoClose JupyterLab files the message away unseen.
      { autoClose: false }
    );
    return;
  }
  await showDialog({
    title: trans.__('Wallaroo: Server Health'),
    body: <HealthTable health={health} trans={trans} />,
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}

/** The health report as a list of terms; React writes every value as text. */
function HealthTable(props: {
  health: IHealth;
  trans: TranslationBundle;
}): JSX.Element {
  const { health, trans } = props;
  const rows: [label: string, value: string | number][] = [
    [trans.__('Status'), health.status],
    [trans.__('Version'), health.version],
    [trans.__('Deployments'), health.deployments],
    [trans.__('Replicas running'), health.replicas_running],
    [trans.__('Replicas wanted'), health.replicas_wanted]
  ];
  return (
    <dl className="jp-wallaroo-health">
      {rows.map(([label, value]) => (
        <React.Fragment key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </React.Fragment>
      ))}
    </dl>
  );
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, ' ').trim();
}
