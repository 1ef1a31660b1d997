/**
 * The Wallaroo REST interface of the Jupyter server behind this page.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

const API_PATH = 'wallaroo/v1/api';

/** How long an answer may take, in milliseconds; what takes longer says so itself. */
const TIMEOUT_MS = 30_000;

/** What may be said of a request beyond its path and its body. */
export interface ICallOptions {
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** A request that was not answered as hoped; the message is fit for a reader. */
export class RestError extends Error {
  /**
   * @param message - what the server says went wrong.
   * @param status - of the answer; 0 when there was none.
   * @param isOurs - whether the Wallaroo server said it, and not Jupyter itself.
   */
  constructor(
    message: string,
    readonly status: number,
    readonly isOurs: boolean
  ) {
    super(message);
    this.name = 'RestError';
  }

  /** Whether Jupyter runs without the server half of this extension. */
  get isMissing(): boolean {
    return this.status === 404 && !this.isOurs;
  }
}

/** Calls the REST interface, with Jupyter's own credentials. */
export class Rest {
  /**
   * @param settings - where the server is and how to authenticate to it.
   */
  constructor(readonly settings: ServerConnection.ISettings) {}

  /** The absolute address of a path below the interface's root. */
  url(path: string): string {
    return URLExt.join(this.settings.baseUrl, API_PATH, path);
  }

  /**
   * Call a path with a JSON body and return the JSON answer.
   *
   * @throws RestError when the answer is not a success, or there is none.
   */
  async post<T>(
    path: string,
    body: object,
    options: ICallOptions = {}
  ): Promise<T> {
    const text = JSON.stringify(body);
    return (await (await this.send(path, text, options)).json()) as T;
  }

  /**
   * Read a path and return the JSON answer.
   *
   * @throws RestError when the answer is not a success, or there is none.
   */
  async get<T>(path: string): Promise<T> {
    return (await (await this.request(this.url(path), reading('GET'))).json()) as T;
  }

  /**
   * End or remove what is at a path and return the JSON answer.
   *
   * @throws RestError when the answer is not a success, or there is none.
   */
  async delete<T>(path: string): Promise<T> {
    return (await (await this.request(this.url(path), reading('DELETE'))).json()) as T;
  }

  /**
   * Read a path as it is.
   *
   * @throws RestError when the answer is not a success, or there is none.
   */
  async blob(path: string): Promise<Blob> {
    return (await this.request(this.url(path), reading('GET'))).blob();
  }

  /**
   * Send a body as it is and return the answer with its headers.
   *
   * @throws RestError when the answer is not a success, or there is none.
   */
  async send(
    path: string,
    body: BodyInit,
    options: ICallOptions = {}
  ): Promise<Response> {
    const init: RequestInit = {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/json', ...options.headers },
      signal: options.signal ?? AbortSignal.timeout(TIMEOUT_MS)
    };
    return this.request(this.url(path), init);
  }

  /**
   * Make a request of the server, whatever its path.
   *
   * @throws RestError when the answer is not a success, or there is none.
   */
  async request(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      throw new RestError(oneLine(error), 0, false);
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  }
}

/** An error as one line that a notification can show. */
export function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, ' ').trim();
}

function reading(method: string): RequestInit {
  return { method, signal: AbortSignal.timeout(TIMEOUT_MS) };
}

async function refusal(response: Response): Promise<RestError> {
  const text = await response.text();
  let said: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) {
      said = parsed as Record<string, unknown>;
    }
  } catch {
    // Jupyter's own errors are pages; their status says enough.
  }
  const isOurs = typeof said['request_id'] === 'string';
  const words = said['msg'] ?? said['message'];
  const message =
    typeof words === 'string' && words !== ''
      ? words
      : `${response.status} ${response.statusText}`;
  return new RestError(message, response.status, isOurs);
}
