// The inference panel: a form, its results, and the same as a command.
import { Progress, button, downloads, field, grid, input, listing, pager, select } from "./parts.js";
import { Frame } from "./frame.js";
import { h, show } from "./dom.js";

const LONG_VALUE = 40;

function render({ model, el }) {
  const panel = new Frame(model, el, "Inference");
  let controls = [];
  let name = "inference";

  const inputs = h("div", { class: "wlr-form" });
  const source = h("p", { class: "wlr-hint" });
  const run = button("Run", () => start("run", { values: values() }, run), { primary: true });
  const runAll = button("Run all rows", () => start("run_all", {}, runAll));
  const write = button("As a command", () => panel.run(writeDown, write));
  const progress = new Progress();
  const results = h("div", { role: "region", "aria-label": "Results", hidden: true });
  const commands = h("div");
  runAll.hidden = true;
  const form = h("form", { class: "wlr-section", on: { submit: submitted } }, source, inputs, h("div", { class: "wlr-row wlr-controls" }, run, runAll, h("span", { class: "wlr-gap" }), write));
  show(panel.body, form, progress.element, results, commands);

  panel.run(async () => {
    const { value } = await panel.ask("look");
    name = value.pipeline;
    show(panel.title, value.pipeline);
    show(panel.aside, value.is_deployed ? null : h("span", { class: "wlr-badge wlr-warn" }, "○ Not deployed"));
    show(source, `Inputs ${value.source}.`);
    controls = value.fields.map(control);
    show(inputs, ...value.fields.map((item, at) => field(item.name, controls[at], item.hint)));
    runAll.hidden = !value.rows;
    show(runAll, `Run all ${value.rows.toLocaleString()} rows`);
  });

  function submitted(event) {
    event.preventDefault();
    run.click();
  }

  function control(item) {
    if (item.kind === "boolean") return select([["true", "yes"], ["false", "no"]], item.value);
    if (item.kind === "json" || (item.kind === "text" && item.value.length > LONG_VALUE)) {
      const made = h("textarea", { class: "wlr-input wlr-code", rows: item.value.length > 200 ? "4" : "2", spellcheck: "false" });
      made.value = item.value;
      return made;
    }
    return input("text", item.value, item.kind === "text" ? {} : { inputmode: "decimal" });
  }

  function values() {
    return controls.map((made) => made.value);
  }

  async function start(verb, fields, pressed) {
    const others = [run, runAll];
    for (const other of others) other.disabled = true;
    await panel.run(async () => {
      const asked = panel.ask(verb, fields, (told) => progress.told(told));
      progress.start(verb === "run_all" ? () => asked.cancel() : null);
      try {
        const { value } = await asked;
        showResults(value);
      } finally {
        progress.end();
      }
    }, pressed);
    if (!panel.channel.gone) for (const other of others) other.disabled = false;
  }

  function showResults(found) {
    const total = found.grid.total;
    const words = `${total.toLocaleString()} row${total === 1 ? "" : "s"}, ${found.anomalies ? `⚠ ${found.anomalies.toLocaleString()} with an anomaly` : "no anomalies"}`;
    const holder = h("div");
    const turn = (next) => show(holder, grid("Results", next), pager(next, (first) => panel.run(async () => {
      turn((await panel.ask("page", { first })).value);
    })));
    turn(found.grid);
    show(results, h("div", { class: "wlr-row wlr-heading" }, h("h4", {}, "Results"), h("span", { class: "wlr-hint" }, words), h("span", { class: "wlr-gap" }), ...downloads(panel, () => `${name}-results`)), holder);
    results.hidden = false;
    panel.say(words);
  }

  async function writeDown() {
    const { value } = await panel.ask("write", { values: values() });
    show(commands, listing(value.curl, "Shell"), listing(value.python, "Python"));
  }

  return () => panel.close();
}

export default { render };
