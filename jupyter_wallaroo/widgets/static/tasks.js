// The tasks panel: tasks and when they fire next, the runs of one, and the end of what a run printed.
import { badge, button, copying, field, guardedButton, select, table } from "./parts.js";
import { Frame } from "./frame.js";
import { h, show, showFacts } from "./dom.js";

const PAUSE_MS = 3000;
const BUSY_PAUSE_MS = 1000;
const WHICH = [["all", "all tasks"], ["open", "not over yet"], ["wrong", "went wrong"]];

/** How near to its end, in pixels, a log has to be read for new lines to be followed. */
const END_PX = 30;

function render({ model, el }) {
  const panel = new Frame(model, el, "Tasks");
  let chosen = null; // the UUID of a task
  let run = null; // the UUID of one of its runs
  let isPrinting = false;
  let status = null;

  const which = select(WHICH);
  const refresh = button("Refresh", () => panel.run(look, refresh));
  const count = h("span", { class: "wlr-hint" });
  const list = h("div");
  const facts = h("div");
  const actions = h("span", { class: "wlr-row" });
  const name = h("bdi");
  const runs = h("div");
  const detail = h("div", { class: "wlr-detail", hidden: true },
    h("div", { class: "wlr-row wlr-heading" }, h("h4", {}, "Runs of ", name), h("span", { class: "wlr-gap" }), actions),
    facts,
    runs,
  );
  const about = h("span", { class: "wlr-hint", role: "status" });
  const printed = h("pre", { tabindex: "0", role: "group", "aria-label": "Log" });
  const log = h("div", { class: "wlr-listing", hidden: true },
    h("div", { class: "wlr-row wlr-heading" }, h("h4", {}, "Log"), about, h("span", { class: "wlr-gap" }), ...copying(() => printed.textContent, "the log").reverse()),
    printed,
  );
  show(panel.body, h("div", { class: "wlr-row wlr-controls" }, field("Show", which), count, h("span", { class: "wlr-gap" }), refresh), list, detail, log);
  which.addEventListener("change", () => panel.run(look));
  const poller = panel.poll(look, PAUSE_MS);

  async function look() {
    const asked = { which: which.value, chosen: chosen || "" };
    const { value } = await panel.ask("look", asked);
    if (asked.which === which.value) take(value);
    if (asked.chosen === (chosen || "")) takeChosen(value.chosen);
    if (run && isPrinting) await read();
  }

  function take(found) {
    poller.pause = found.is_busy ? BUSY_PAUSE_MS : PAUSE_MS;
    show(panel.aside, h("bdi", { class: "wlr-hint" }, `workspace ${found.workspace}`));
    show(count, found.total > found.tasks.length ? `the newest ${found.tasks.length.toLocaleString()} of ${found.total.toLocaleString()}` : "");
    redraw(list, [found.tasks, chosen], () => table("Tasks", ["name", "kind", "status", "schedule", "next firing", "last run"], found.tasks.map((task) => ({
      cells: [pick(task.name, task.id, task.id === chosen, () => choose(task)), whole(task.kind), badge(task.status), schedule(task), whole(task.firings[0]), lastRun(task.last_run)],
      tone: task.id === chosen ? "wlr-chosen" : null,
    })), { empty: which.value === "all" ? "No tasks yet: orchestration.run_once() and run_scheduled() make one." : "None of these." }));
  }

  /** Return words that stay on one line; a dash where there are none. */
  function whole(words) {
    return h("bdi", { class: "wlr-whole" }, words || "–");
  }

  function schedule(task) {
    return task.schedule ? h("span", {}, h("code", { class: "wlr-whole" }, task.schedule), " ", h("bdi", { class: "wlr-hint" }, task.time_zone)) : "–";
  }

  function lastRun(last) {
    return last ? h("div", {}, badge(last.state), mark(last)) : h("span", { class: "wlr-hint" }, "none yet");
  }

  function mark(item) {
    return item.mark ? h("div", { class: "wlr-flag" }, h("span", { "aria-hidden": "true" }, "⚠ "), item.mark) : null;
  }

  /** Return a button that chooses a line of a table; `data` tells it again once the table is made anew. */
  function pick(label, id, isChosen, onClick, describes = null) {
    const made = button(h("bdi", {}, label), onClick, { describes });
    made.classList.add("wlr-pick");
    made.setAttribute("aria-pressed", String(isChosen));
    made.setAttribute("data-line", id);
    return made;
  }

  /** Have a table show other facts; who was at one of its buttons stays there. */
  function redraw(node, said, make) {
    const focused = node.getRootNode().activeElement;
    const line = node.contains(focused) ? focused.getAttribute("data-line") : null;
    showFacts(node, said, make);
    if (line && !node.contains(focused)) [...node.querySelectorAll("[data-line]")].find((other) => other.getAttribute("data-line") === line)?.focus();
  }

  function choose(task) {
    chosen = task.id;
    status = null;
    openLog(null);
    return panel.run(look);
  }

  function takeChosen(found) {
    detail.hidden = !found;
    if (!found) {
      chosen = null;
      openLog(null);
      return;
    }
    const { task } = found;
    show(name, task.name);
    if (status && status !== task.status) panel.say(`The status is now ${task.status}.`);
    status = task.status;
    showFacts(actions, [task.id, task.can_pause, task.can_resume, task.can_kill], () => offered(task));
    showFacts(facts, [task.id, task.firings, task.time_zone], () => (task.firings.length
      ? h("p", { class: "wlr-hint" }, "Fires next at ", task.firings.join(", "), " ", h("bdi", {}, task.time_zone))
      : null));
    redraw(runs, [task.id, found.runs, run], () => table("Runs", ["due (UTC)", "state", "started (UTC)", "took", "reason", ""], found.runs.map((item) => ({
      cells: [whole(item.due), h("div", {}, badge(item.state), mark(item)), whole(item.started), whole(item.took), item.reason || "–",
        item.started ? pick(whole("Log"), item.id, item.id === run, () => openLog(item.id), `Log of the run due ${item.due}`) : ""],
      tone: item.id === run ? "wlr-chosen" : null,
    })), { empty: "No runs yet." }));
  }

  function offered(task) {
    const pause = button("Pause", () => act("pause", pause), { describes: `Pause ${task.name}` });
    const resume = button("Resume", () => act("resume", resume), { describes: `Resume ${task.name}` });
    const kill = guardedButton("Kill", "Really kill?", () => act("kill", kill), { describes: `Kill ${task.name}` });
    return h("span", { class: "wlr-row" }, task.can_pause ? pause : null, task.can_resume ? resume : null, task.can_kill ? kill : null);

    function act(verb, control) {
      return panel.run(async () => {
        await panel.ask(verb, { id: task.id });
        panel.say(`Asked to ${verb}.`);
        await look();
      }, control);
    }
  }

  function openLog(id) {
    run = id;
    isPrinting = Boolean(id);
    log.hidden = true;
    return id ? panel.run(look) : null;
  }

  async function read() {
    const asked = run;
    const { value } = await panel.ask("log", { task: chosen, run: asked });
    if (asked !== run) return;
    isPrinting = !value.run.is_over;
    const ended = value.run.exit_code === null ? "" : `, exit code ${value.run.exit_code}`;
    const cut = value.is_cut ? `; the last ${value.lines.length.toLocaleString()} lines` : "";
    show(about, `of the run due ${value.run.due} UTC: ${value.run.state}${ended}${cut}`);
    const isAtEnd = log.hidden || printed.scrollHeight - printed.scrollTop - printed.clientHeight < END_PX;
    log.hidden = false;
    showFacts(printed, [asked, value.lines, isPrinting], () => (value.lines.length
      ? value.lines.map((line) => h("span", {}, line.time ? h("span", { class: "wlr-hint" }, `${line.time} `) : null, line.text, "\n"))
      : h("span", { class: "wlr-hint" }, isPrinting ? "Nothing printed yet." : "Nothing was printed.")));
    if (isAtEnd) printed.scrollTop = printed.scrollHeight;
  }

  return () => panel.close();
}

export default { render };
