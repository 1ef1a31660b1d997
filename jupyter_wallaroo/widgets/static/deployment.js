// The deployment panel: status, traffic, replicas, versions.
import { badge, button, field, guardedButton, input, listing, table } from "./parts.js";
import { short, sparkline } from "./chart.js";
import { Frame } from "./frame.js";
import { h, show, showFacts } from "./dom.js";

const PAUSE_MS = 2500;
const STARTING_PAUSE_MS = 400;

/** Every so many looks, versions are looked at too: somebody else may have made one. */
const VERSIONS_EVERY = 6;

function render({ model, el }) {
  const panel = new Frame(model, el, "Deployment");
  let facts = null;
  let versions = [];
  let looks = 0;

  const replicas = input("number", "1", { min: "1", step: "1" });
  const deploy = button("Deploy", () => act("deploy", { replicas: replicas.valueAsNumber || 1 }, deploy), { primary: true });
  const scale = button("Scale", () => act("scale", { replicas: replicas.valueAsNumber || 1 }, scale));
  const undeploy = guardedButton("Undeploy", "Really undeploy?", () => act("undeploy", {}, undeploy));
  const refresh = button("Refresh", () => panel.run(() => look(true), refresh));
  const reasons = h("ul", { class: "wlr-reasons" });
  const address = h("div", { class: "wlr-address" });
  const tiles = h("div", { class: "wlr-tiles" });
  const waiting = h("div", { class: "wlr-row", role: "status" });
  const processes = h("div");
  const history = h("div");
  const differences = h("div");
  show(
    panel.body,
    reasons,
    h("div", { class: "wlr-row wlr-controls" }, field("Replicas", replicas), deploy, scale, undeploy, h("span", { class: "wlr-gap" }), refresh),
    waiting,
    tiles,
    address,
    h("h4", {}, "Replicas"),
    processes,
    h("h4", {}, "Versions"),
    history,
    differences,
  );

  const poller = panel.poll(() => look(looks++ % VERSIONS_EVERY === 0), PAUSE_MS);

  async function look(all) {
    const { value } = await panel.ask("look", { versions: all });
    take(value);
  }

  function act(verb, fields, control) {
    return panel.run(async () => {
      const { value } = await panel.ask(verb, fields);
      panel.say(`Asked to ${verb}.`);
      take(value);
      poller.wake();
    }, control).then(settle);
  }

  function take(found) {
    const before = facts;
    facts = found;
    if (found.versions) versions = found.versions;
    show(panel.title, found.pipeline);
    show(panel.aside, badge(found.status), h("bdi", { class: "wlr-hint" }, `workspace ${found.workspace}`));
    show(reasons, ...found.reasons.map((reason) => h("li", {}, h("bdi", {}, reason))));
    reasons.hidden = !found.reasons.length;
    const running = found.replicas.filter((replica) => replica.status === "Running").length;
    const settling = found.status === "Starting" || running < found.replicas.length;
    poller.pause = settling ? STARTING_PAUSE_MS : PAUSE_MS;
    showWaiting(settling && found.replicas.length ? running : null);
    showTiles(found.live);
    show(address, ...(found.url ? [h("span", { class: "wlr-hint" }, "Answers at "), h("code", {}, found.url)] : []));
    showFacts(processes, found.replicas, () => table("Replicas", ["name", "status", "pid", "reason"], found.replicas.map((replica) => ({
      cells: [replica.name, badge(replica.status), replica.pid, replica.reason],
    })), { empty: "Nothing runs." }));
    if (found.versions) showFacts(history, found.versions, showVersions);
    if (before && before.status !== found.status) {
      panel.say(`The status is now ${found.status}.`);
      look(true).catch(() => {}); // which version runs may have changed; the next turn tells what went wrong
    }
    if (!before && found.wanted) replicas.value = String(found.wanted);
    settle();
  }

  function settle() {
    if (!facts || panel.channel.gone) return;
    const deployed = facts.status !== "Not deployed";
    scale.disabled = !deployed;
    undeploy.disabled = !deployed;
    deploy.disabled = false;
    deploy.classList.toggle("wlr-primary", !deployed);
  }

  function showWaiting(running) {
    if (running === null) {
      show(waiting);
      return;
    }
    const total = facts.replicas.length;
    show(waiting, h("progress", { class: "wlr-progress", max: total, value: running, "aria-label": "Replicas that run" }),
      h("span", { class: "wlr-hint" }, `${running} of ${total} replicas run`));
  }

  function tile(label, value, unit, extra = null, tone = null) {
    return h("div", { class: `wlr-tile ${tone || ""}` }, h("div", { class: "wlr-hint" }, label),
      h("div", { class: "wlr-value" }, value, unit ? h("span", { class: "wlr-unit" }, ` ${unit}`) : null), extra);
  }

  function showTiles(live) {
    const minutes = Math.round((live.line.length * live.slot_s) / 60);
    const flag = live.anomalies ? "⚠ " : "";
    show(
      tiles,
      tile("Requests", short(live.requests_s), "/s", sparkline(live.line, `Requests a second over ${minutes} minutes`)),
      tile("Latency, ms", [live.p50_ms, live.p95_ms, live.p99_ms].map(short).join(" · "), "", h("div", { class: "wlr-hint" }, "p50 · p95 · p99 of the last minute")),
      tile("Anomalies", `${flag}${live.anomalies.toLocaleString()}`, `of ${live.rows.toLocaleString()} rows`,
        sparkline(live.anomaly_line, `Anomalies over ${minutes} minutes`), live.anomalies ? "wlr-warned" : null),
      tile("Failed requests", live.failed.toLocaleString(), "", h("div", { class: "wlr-hint" }, `${live.total.toLocaleString()} requests since the server started`), live.failed ? "wlr-warned" : null),
    );
  }

  function showVersions() {
    const running = versions.find((version) => version.is_running);
    const against = running || versions[0];
    return table("Versions", ["version", "created (UTC)", "by", "models", "", ""], versions.map((version) => {
      const name = version.version.slice(0, 8);
      const diff = version === against ? null : button("Diff", () => compare(version, against, diff), { describes: `Diff ${name} with ${running ? "what runs" : "the newest"}` });
      const back = version.was_deployed && running && !version.is_running
        ? guardedButton("Roll back", "Really roll back?", () => act("rollback", { to: version.version }, back), { describes: `Roll back to ${name}` })
        : null;
      return {
        cells: [h("code", {}, name), version.created_at, version.author, version.models || "–", version.is_running ? badge("Running") : "", h("span", { class: "wlr-row" }, diff, back)],
      };
    }), { empty: "No versions." });
  }

  function compare(version, against, control) {
    return panel.run(async () => {
      const older = versions.indexOf(version) > versions.indexOf(against);
      const [from, to] = older ? [version, against] : [against, version];
      const { value } = await panel.ask("diff", { before: from.version, after: to.version });
      show(differences, listing(value, `From ${from.version.slice(0, 8)} to ${to.version.slice(0, 8)}`, { isDiff: true }));
    }, control);
  }

  return () => panel.close();
}

export default { render };
