// The log panel: records in pages, a histogram, comparisons.
import { Progress, button, downloads, field, grid, input, offer, pager, select, table } from "./parts.js";
import { histogram, short } from "./chart.js";
import { Frame } from "./frame.js";
import { h, show } from "./dom.js";

const SPANS = [["", "all time"], ["15", "last 15 minutes"], ["60", "last hour"], ["1440", "last day"], ["10080", "last week"], ["own", "from … to …"]];
const WHICH = [["all", "all records"], ["failed", "only anomalies"], ["passed", "only without"]];
const LIMITS = [["100", "100"], ["1000", "1,000"], ["10000", "10,000"], ["100000", "100,000"]];

function render({ model, el }) {
  const panel = new Frame(model, el, "Log");
  let name = "log";

  const span = select(SPANS);
  const which = select(WHICH);
  const limit = select(LIMITS, "1000");
  const from = input("datetime-local");
  const to = input("datetime-local");
  const own = h("div", { class: "wlr-row", hidden: true }, field("From", from), field("To", to));
  const read = button("Read", () => load("read", query()), { primary: true });
  const more = button("Read older ones", () => load("more", {}));
  const progress = new Progress();
  const summary = h("span", { class: "wlr-hint", role: "status" });
  const rows = h("div");
  const series = select([]);
  const against = select([]);
  const chart = h("div");
  const figures = h("div");
  const below = h("div", { hidden: true },
    h("div", { class: "wlr-row wlr-heading" }, h("h4", {}, "Records"), summary, h("span", { class: "wlr-gap" }), more, ...downloads(panel, () => `${name}-log`)),
    rows,
    h("h4", {}, "Histogram"),
    h("div", { class: "wlr-row wlr-controls" }, field("Values", series), field("Compare", against)),
    chart,
    figures,
  );
  show(panel.body, h("div", { class: "wlr-row wlr-controls" }, field("Time", span), own, field("Records", which), field("At most", limit), read), progress.element, below);
  span.addEventListener("change", () => { own.hidden = span.value !== "own"; });
  series.addEventListener("change", () => count());
  against.addEventListener("change", () => count());
  load("read", query());

  function query() {
    const asked = { which: which.value, limit: Number(limit.value), start: "", end: "" };
    if (span.value === "own") return { ...asked, start: instant(from.value), end: instant(to.value) };
    if (span.value) return { ...asked, start: new Date(Date.now() - Number(span.value) * 60000).toISOString() };
    return asked;
  }

  function instant(local) {
    return local ? new Date(local).toISOString() : "";
  }

  function load(verb, fields) {
    return panel.run(async () => {
      more.disabled = true;
      const asked = panel.ask(verb, fields, (told) => progress.told(told));
      progress.start(() => asked.cancel());
      try {
        take((await asked).value);
      } finally {
        progress.end();
      }
    }, read);
  }

  function take(found) {
    name = found.pipeline;
    show(panel.title, found.pipeline);
    const anomalies = found.anomalies ? `⚠ ${found.anomalies.toLocaleString()} with an anomaly` : "no anomalies";
    const times = found.newest ? `, ${found.oldest} to ${found.newest} UTC` : "";
    show(summary, `${found.grid.total.toLocaleString()} records${times}, ${anomalies}`);
    more.hidden = !found.has_more;
    more.disabled = false;
    turn(found.grid);
    offer(series, found.series.map((label, at) => [at, label]));
    offer(against, [
      ["", "with nothing"],
      ...found.versions.flatMap((newer, a) => found.versions.slice(a + 1).map((older, b) => [`v${a},${a + b + 1}`, `version ${newer} with ${older}`])),
      ...found.series.map((label, at) => [`s${at}`, `with ${label}`]),
    ]);
    below.hidden = false;
    count();
  }

  function turn(found) {
    show(rows, grid("Records", found), pager(found, (first) => panel.run(async () => turn((await panel.ask("page", { first })).value))));
  }

  function count() {
    show(chart);
    show(figures);
    if (series.value === "") return null;
    const asked = { series: Number(series.value) };
    if (against.value.startsWith("v")) asked.versions = against.value.slice(1).split(",").map(Number);
    if (against.value.startsWith("s")) asked.other_series = Number(against.value.slice(1));
    return panel.run(async () => {
      const { value } = await panel.ask("count", asked);
      const columns = ["group", ...["values", "mean", "deviation", "least", "median", "greatest"].map((title) => ({ name: title, is_number: true }))];
      show(chart, histogram(value));
      show(figures, table("Figures", columns, value.groups.map((group) => ({
        cells: [group.label, group.count.toLocaleString(), ...[group.mean, group.deviation, group.least, group.median, group.greatest].map(short)],
      }))));
    });
  }

  return () => panel.close();
}

export default { render };
