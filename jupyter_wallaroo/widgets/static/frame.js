// The frame of every panel: its title, what it says, how it reaches its kernel, and when it looks again.
import { Channel } from "./channel.js";
import { h, show } from "./dom.js";

const NOTICES = {
  ready: null,
  busy: "Waiting for the kernel: it runs another cell, or was restarted. After a restart, run this cell again.",
  gone: "The kernel of this panel has gone. Run the cell again.",
};
const LONGEST_PAUSE_MS = 30000;

/** One view of a panel. */
export class Frame {
  constructor(model, el, kind) {
    this.channel = new Channel(model, (state) => this.told(state));
    this.title = h("bdi", { class: "wlr-title" });
    this.aside = h("span", { class: "wlr-aside" });
    this.notice = h("div", { class: "wlr-notice", role: "status", hidden: true });
    this.failure = h("div", { class: "wlr-failure", role: "alert", hidden: true });
    this.said = h("div", { class: "wlr-unseen", role: "status" });
    this.body = h("div", { class: "wlr-body" });
    // JupyterLab's shortcuts keep away from what is typed and pressed in here.
    this.element = h(
      "section",
      { class: "wlr-panel", "aria-label": `${kind} panel`, "data-lm-suppress-shortcuts": "true" },
      h("header", { class: "wlr-header" }, h("span", { class: "wlr-kind" }, kind), this.title, this.aside),
      this.notice,
      this.failure,
      this.body,
      this.said,
    );
    this.pollers = [];
    el.append(this.element);
  }

  ask(verb, fields, onProgress) {
    return this.channel.ask(verb, fields, onProgress);
  }

  /** Do something that asks the kernel, with `control` off meanwhile; what goes wrong is shown. Return whether it went well. */
  async run(action, control = null) {
    if (control) control.disabled = true;
    try {
      await action();
      this.fail(null);
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    } finally {
      if (control) control.disabled = this.channel.gone;
    }
  }

  /** Show an error, or none. */
  fail(error) {
    this.failure.hidden = !error || this.channel.gone;
    if (!error) return;
    show(this.failure, h("span", { "aria-hidden": "true" }, "✕ "), h("bdi", {}, error.message), error.hint ? h("div", { class: "wlr-hint" }, error.hint) : null);
  }

  /** Say something to those who do not see it. */
  say(text) {
    show(this.said, text);
  }

  told(state) {
    show(this.notice, NOTICES[state] || "");
    this.notice.hidden = !NOTICES[state];
    if (state !== "gone") return;
    this.failure.hidden = true;
    this.element.classList.add("wlr-gone");
    for (const control of this.body.querySelectorAll("button, input, select, textarea")) control.disabled = true;
    this.stopPolling();
  }

  /** Call `look` now and every `pause` ms, but only while the panel can be seen; after a failure less often. */
  poll(look, pause) {
    const poller = new Poller(this.element, look, pause, (error) => this.fail(error));
    this.pollers.push(poller);
    return poller;
  }

  stopPolling() {
    for (const poller of this.pollers) poller.close();
    this.pollers = [];
  }

  close() {
    this.stopPolling();
    this.channel.close();
    this.element.remove();
  }
}

class Poller {
  constructor(element, look, pause, onError) {
    Object.assign(this, { element, look, pause, onError });
    this.failures = 0;
    this.timer = null;
    this.looking = false;
    this.closed = false;
    this.inView = false;
    this.observer = new IntersectionObserver((entries) => {
      this.inView = entries[entries.length - 1].isIntersecting;
      this.wake();
    });
    this.observer.observe(element);
    this.onVisibility = () => this.wake();
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  get seen() {
    return this.inView && !document.hidden && this.element.isConnected;
  }

  /** Look at once, unless nobody sees it or it looks already. */
  wake() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.closed || !this.seen || this.looking) return;
    this.turn();
  }

  async turn() {
    this.looking = true;
    try {
      await this.look();
      if (this.failures) this.onError(null);
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      if (!this.closed) this.onError(error);
    }
    this.looking = false;
    if (this.closed || !this.seen) return;
    this.timer = setTimeout(() => this.wake(), Math.min(LONGEST_PAUSE_MS, this.pause * 2 ** this.failures));
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.onVisibility);
  }
}
