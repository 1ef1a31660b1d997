// Questions to the kernel, and its answers.

/** After this time without an answer the panel says that it waits; a kernel that runs a cell is merely busy. */
const PATIENCE_MS = 4000;

const NO_KERNEL = {
  message: "The kernel of this panel has gone: it was restarted, or this notebook was opened anew.",
  hint: "Run the cell again.",
};

export class Refusal extends Error {
  constructor({ message, hint }) {
    super(message);
    this.hint = hint;
  }
}

/** A view's line to its kernel half; `onState` hears "ready", "busy" and "gone". */
export class Channel {
  constructor(model, onState) {
    this.model = model;
    this.onState = onState;
    this.view = Math.random().toString(36).slice(2);
    this.count = 0;
    this.waiting = new Map();
    this.gone = false;
    this.take = (content, buffers) => this.taken(content, buffers);
    this.lost = () => this.lose();
    model.on("msg:custom", this.take);
    model.on("comm_live_update", this.lost);
    model.on("destroy", this.lost);
  }

  /** Return a promise of the answer: its value, with `buffers` beside it. */
  ask(verb, fields = {}, onProgress = null) {
    if (this.gone) return Promise.reject(new Refusal(NO_KERNEL));
    this.count += 1;
    const id = `${this.view}-${this.count}`;
    const promise = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.onState("busy"), PATIENCE_MS);
      this.waiting.set(id, { resolve, reject, onProgress, timer });
    });
    promise.cancel = () => this.send({ id, cancel: true });
    if (!this.send({ id, ask: { verb, ...fields } })) this.lose();
    return promise;
  }

  send(message) {
    try {
      this.model.send(message);
      return true;
    } catch {
      return false;
    }
  }

  taken(content, buffers) {
    const asked = content && this.waiting.get(content.id);
    if (!asked) return;
    clearTimeout(asked.timer);
    this.onState("ready");
    if (content.progress) {
      if (asked.onProgress) asked.onProgress(content.progress);
      return;
    }
    this.waiting.delete(content.id);
    if (content.error) asked.reject(new Refusal(content.error));
    else asked.resolve({ value: content.value, buffers: buffers || [] });
  }

  lose() {
    if (this.gone) return;
    this.gone = true;
    for (const asked of this.waiting.values()) {
      clearTimeout(asked.timer);
      asked.reject(new Refusal(NO_KERNEL));
    }
    this.waiting.clear();
    this.onState("gone");
  }

  /** Forget everything: the view is no more. */
  close() {
    this.model.off("msg:custom", this.take);
    this.model.off("comm_live_update", this.lost);
    this.model.off("destroy", this.lost);
    for (const asked of this.waiting.values()) clearTimeout(asked.timer);
    this.waiting.clear();
  }
}
