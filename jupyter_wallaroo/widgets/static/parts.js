// What panels are made of: buttons, fields, badges, tables, progress, downloads.
import { h, newId, show } from "./dom.js";

const DISARM_MS = 4000;
const REVOKE_MS = 60000;

/** Return a button. */
export function button(label, onClick, { primary = false, describes = null } = {}) {
  return h(
    "button",
    { type: "button", class: primary ? "wlr-button wlr-primary" : "wlr-button", "aria-label": describes, on: { click: onClick } },
    label,
  );
}

/** Return a button that has to be pressed twice; the second time within a few seconds. */
export function guardedButton(label, question, onClick, { describes = null } = {}) {
  let timer = null;
  const disarm = () => {
    clearTimeout(timer);
    timer = null;
    show(made, label);
    made.classList.remove("wlr-danger");
    if (describes) made.setAttribute("aria-label", describes);
  };
  const made = button(label, () => {
    if (timer) {
      disarm();
      onClick();
      return;
    }
    show(made, question);
    made.classList.add("wlr-danger");
    made.removeAttribute("aria-label");
    timer = setTimeout(disarm, DISARM_MS);
  }, { describes });
  return made;
}

/** Return a labelled input, select or textarea: the whole, and the control itself. */
export function field(label, control, hint = null) {
  const id = newId();
  control.setAttribute("id", id);
  let hinted = null;
  if (hint) {
    hinted = h("span", { class: "wlr-hint", id: `${id}-hint` }, hint);
    control.setAttribute("aria-describedby", `${id}-hint`);
  }
  return h("div", { class: "wlr-field" }, h("label", { for: id }, label), control, hinted);
}

/** Return an input. */
export function input(type, value = "", attributes = {}) {
  const made = h("input", { type, class: "wlr-input", autocomplete: "off", spellcheck: "false", ...attributes });
  made.value = value;
  return made;
}

/** Return a select of `[value, text]` pairs. */
export function select(options, chosen = null) {
  const made = h("select", { class: "wlr-input" });
  offer(made, options, chosen);
  return made;
}

/** Have a select offer other options; what was chosen stays so, if it is still there. */
export function offer(control, options, chosen = null) {
  const wanted = chosen === null ? control.value : String(chosen);
  show(control, ...options.map(([value, text]) => h("option", { value }, text)));
  if (options.some(([value]) => String(value) === wanted)) control.value = wanted;
}

const BADGES = {
  Running: ["wlr-good", "●"],
  Starting: ["wlr-warn", "◐"],
  Error: ["wlr-bad", "✕"],
  started: ["wlr-good", "●"],
  running: ["wlr-good", "●"],
  success: ["wlr-good", "✓"],
  pending: ["wlr-warn", "◐"],
  queued: ["wlr-warn", "◐"],
  "pending kill": ["wlr-warn", "◐"],
  "pending pause": ["wlr-warn", "◐"],
  failed: ["wlr-bad", "✕"],
  failure: ["wlr-bad", "✕"],
  "timed out": ["wlr-bad", "✕"],
  interrupted: ["wlr-bad", "✕"],
  "crash loop": ["wlr-bad", "✕"],
  "schedule error": ["wlr-bad", "✕"],
};

/** Return a status: a sign, the word, and a colour. */
export function badge(status) {
  const [tone, sign] = BADGES[status] || ["wlr-calm", "○"];
  return h("span", { class: `wlr-badge ${tone}` }, h("span", { "aria-hidden": "true" }, sign), " ", status);
}

/** Return a table: columns are texts or `{name, is_number}`, cells texts or elements. */
export function table(caption, columns, rows, { empty = "Nothing here." } = {}) {
  if (!rows.length) return h("p", { class: "wlr-empty" }, empty);
  const named = columns.map((column) => (typeof column === "string" ? { name: column, is_number: false } : column));
  const side = (column) => (column && column.is_number ? "wlr-number" : null);
  return h(
    "div",
    { class: "wlr-scroll", tabindex: "0", role: "group", "aria-label": caption },
    h(
      "table",
      { class: "wlr-table" },
      h("caption", { class: "wlr-unseen" }, caption),
      h("thead", {}, h("tr", {}, named.map((column) => h("th", { scope: "col", class: side(column) }, column.name)))),
      h(
        "tbody",
        {},
        rows.map(({ cells, tone = null }) =>
          h("tr", { class: tone }, cells.map((cell, at) => h("td", { class: side(named[at]) }, bdi(cell)))),
        ),
      ),
    ),
  );
}

function bdi(cell) {
  return cell instanceof Node ? cell : h("bdi", {}, cell);
}

/** Return rows of results as a table: a sign, words and a colour tell which of them failed a rule. */
export function grid(caption, found) {
  const rows = found.rows.map((row) => ({
    cells: [
      row.failed.length
        ? h("span", { class: "wlr-flag" }, h("span", { "aria-hidden": "true" }, "⚠ "), row.failed.join(", "))
        : h("span", { class: "wlr-hint" }, "ok"),
      ...row.cells,
    ],
    tone: row.failed.length ? "wlr-anomalous" : null,
  }));
  return table(caption, [{ name: "check", is_number: false }, ...found.columns], rows, { empty: "No rows." });
}

/** Return buttons that page through a grid; `turn(first)` is called with where to go. */
export function pager(found, turn) {
  const last = found.first + found.rows.length;
  if (!found.rows.length || (found.first === 0 && last >= found.total)) return null;
  const size = Math.max(found.rows.length, 1);
  const before = button("‹ Previous", () => turn(Math.max(0, found.first - size)));
  const after = button("Next ›", () => turn(last));
  before.disabled = found.first === 0;
  after.disabled = last >= found.total;
  const text = `${(found.first + 1).toLocaleString()}–${last.toLocaleString()} of ${found.total.toLocaleString()}`;
  return h("div", { class: "wlr-row wlr-pager" }, before, h("span", { class: "wlr-hint" }, text), after);
}

/** A bar that tells how far something is, with a button to stop it. */
export class Progress {
  constructor() {
    this.bar = h("progress", { class: "wlr-progress", "aria-label": "Progress" });
    this.words = h("span", { class: "wlr-hint" });
    this.stop = button("Stop", () => this.onStop && this.onStop());
    this.element = h("div", { class: "wlr-row wlr-controls", hidden: true }, this.bar, this.words, this.stop);
    this.onStop = null;
  }

  start(onStop) {
    this.onStop = onStop;
    this.bar.removeAttribute("value");
    show(this.words);
    this.stop.hidden = !onStop;
    this.element.hidden = false;
  }

  told({ done, total, text }) {
    this.bar.max = Math.max(total, 1);
    this.bar.value = done;
    show(this.words, `${done.toLocaleString()} of ${total.toLocaleString()} ${text}`);
  }

  end() {
    this.element.hidden = true;
    this.onStop = null;
  }
}

/** Return a button that copies what `text()` returns, and where it says whether it could. */
export function copying(text, label) {
  const said = h("span", { class: "wlr-hint", role: "status" });
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text());
      show(said, "Copied.");
    } catch {
      show(said, "Select the text to copy it.");
    }
  }, { describes: `Copy: ${label}` });
  return [copy, said];
}

/** Return lines of text as they are, with a button that copies them; those of a diff in its colours. */
export function listing(lines, label, { isDiff = false } = {}) {
  const tone = (text) => (isDiff ? DIFF_TONES[text.trimStart()[0]] : null);
  return h(
    "div",
    { class: "wlr-listing" },
    h("div", { class: "wlr-row" }, h("strong", {}, label), ...copying(() => lines.join("\n"), label)),
    h("pre", { tabindex: "0", role: "group", "aria-label": label }, lines.map((text) => h("span", { class: tone(text) }, text, "\n"))),
  );
}

const DIFF_TONES = { "+": "wlr-added", "-": "wlr-removed", "~": "wlr-changed" };

/** Have the browser save bytes under a name. */
export function save(bytes, name, type) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS);
}

const TYPES = { csv: "text/csv", arrow: "application/vnd.apache.arrow.file" };

/** Return two buttons that download what a panel holds. */
export function downloads(panel, name) {
  const get = (format) => panel.run(async () => {
    const { buffers } = await panel.ask("download", { format });
    save(buffers[0], `${name()}.${format}`, TYPES[format]);
    panel.say(`Downloaded ${name()}.${format}.`);
  });
  return [button("CSV", () => get("csv"), { describes: "Download as CSV" }), button("Arrow", () => get("arrow"), { describes: "Download as Arrow" })];
}
