/**
 * The health route of the Wallaroo REST interface: one GET, checked before use.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** What the health route answers; the field names are those of the wire. */
export interface IHealth {
  readonly status: string;
  readonly version: string;
  readonly deployments: number;
  readonly replicas_running: number;
  readonly replicas_wanted: number;
}

const HEALTH_PATH = 'wallaroo/v1/api/health';

/** How long the server may take to answer, in milliseconds. */
const TIMEOUT_MS = 10_000;

/**
 * Ask the server for its health.
 *
 * @param settings - where the server is and how to authenticate to it.
 * @returns the server's answer.
 * @throws ServerConnection.NetworkError when no answer came in time.
 * @throws ServerConnection.ResponseError when the answer is not a success.
 * @throws TypeError when the answer is not a health report.
 */
export async function fetchHealth(
  settings: ServerConnection.ISettings
): Promise<IHealth> {
  const response = await ServerConnection.makeRequest(
    URLExt.join(settings.baseUrl, HEALTH_PATH),
    { method: 'GET', signal: AbortSignal.timeout(TIMEOUT_MS) },
    settings
  );
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  const answer: unknown = await response.json();
  if (!isHealth(answer)) {
    throw new TypeError('the answer is not a health report');
  }
  return answer;
}

function isHealth(answer: unknown): answer is IHealth {
  if (typeof answer !== 'object' || answer === null) {
    return false;
  }
  const fields = answer as Partial<Record<keyof IHealth, unknown>>;
  return (
    typeof fields.status === 'string' &&
    typeof fields.version === 'string' &&
    typeof fields.deployments === 'number' &&
    typeof fields.replicas_running === 'number' &&
    typeof fields.replicas_wanted === 'number'
  );
}
