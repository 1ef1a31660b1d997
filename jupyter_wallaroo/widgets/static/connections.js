// The connections panel. What is typed into a value goes to the kernel in one message and is then forgotten here.
import { button, field, guardedButton, input, select, table } from "./parts.js";
import { Frame } from "./frame.js";
import { h, newId, show } from "./dom.js";

const PAUSE_MS = 10000;

function render({ model, el }) {
  const panel = new Frame(model, el, "Connections");
  let facts = null;
  let details = [];

  const list = h("div");
  const name = input("text", "", { required: true });
  const types = h("datalist", { id: newId() });
  const type = input("text", "", { list: types.id, required: true });
  const rows = h("div", { class: "wlr-details", role: "group", "aria-label": "Details" });
  const attach = input("checkbox");
  attach.checked = true;
  const attachId = newId();
  attach.setAttribute("id", attachId);
  attach.classList.remove("wlr-input");
  const create = button("Create", () => panel.run(make, create), { primary: true });
  const add = button("Add a detail", () => addDetail("").focus());
  const form = h(
    "details",
    { class: "wlr-section" },
    h("summary", {}, "New connection"),
    h("div", { class: "wlr-form" }, field("Name", name), field("Type", type), types),
    h("p", { class: "wlr-hint" }, "Details: what it takes to get in. Values are kept by the server and shown by nobody."),
    rows,
    h("div", { class: "wlr-row wlr-controls" }, add, h("span", { class: "wlr-check" }, attach, h("label", { for: attachId }, "attach to the current workspace")), h("span", { class: "wlr-gap" }), create),
  );
  show(panel.body, list, form);
  clear();
  panel.poll(async () => take((await panel.ask("look")).value), PAUSE_MS);

  function addDetail(said) {
    const key = input("text", said, { "aria-label": "Detail", placeholder: "such as password" });
    const value = input("password", "", { "aria-label": "Value", autocomplete: "new-password" });
    const seen = button("Show", () => {
      const hidden = value.type === "password";
      value.type = hidden ? "text" : "password";
      show(seen, hidden ? "Hide" : "Show");
    }, { describes: "Show or hide the value" });
    const entry = { key, value };
    const line = h("div", { class: "wlr-row" }, key, value, seen, button("Remove", () => {
      details = details.filter((other) => other !== entry);
      line.remove();
    }, { describes: "Remove this detail" }));
    details.push(entry);
    rows.append(line);
    return key;
  }

  function clear() {
    name.value = "";
    type.value = "";
    details = [];
    show(rows);
    for (const said of ["host", "username", "password"]) addDetail(said);
  }

  async function make() {
    const given = details.filter(({ key, value }) => value.value || !["host", "username", "password"].includes(key.value)).filter(({ key, value }) => key.value || value.value);
    const asked = { name: name.value, type: type.value, details: given.map(({ key, value }) => ({ name: key.value, value: value.value })), attach: attach.checked };
    const { value } = await panel.ask("create", asked);
    panel.say("The connection was made.");
    clear();
    form.open = false;
    take(value);
  }

  function act(verb, fields, control) {
    return panel.run(async () => take((await panel.ask(verb, fields)).value), control);
  }

  function take(found) {
    const same = facts && JSON.stringify(facts) === JSON.stringify(found);
    facts = found;
    if (same) return; // what a person is about to press stays where it is
    const here = found.workspaces.find((place) => place.id === found.here);
    show(panel.aside, h("bdi", { class: "wlr-hint" }, here ? `workspace ${here.name}` : ""));
    show(types, ...found.types.map((known) => h("option", { value: known })));
    show(list, table("Connections", ["name", "type", "details", "created (UTC)", "workspaces", ""], found.connections.map((item) => line(item)), {
      empty: "No connections yet.",
    }));
  }

  function line(item) {
    const attached = item.workspaces.map((workspace) => {
      const place = facts.workspaces.find((other) => other.name === workspace);
      const off = place ? button("×", () => act("detach", { id: item.id, workspace_id: place.id }, off), { describes: `Detach ${item.name} from ${workspace}` }) : null;
      return h("span", { class: "wlr-chip" }, h("bdi", {}, workspace), off);
    });
    const free = facts.workspaces.filter((place) => !item.workspaces.includes(place.name));
    const where = select([["", "attach to …"], ...free.map((place) => [place.id, place.name])]);
    where.setAttribute("aria-label", `Attach ${item.name} to a workspace`);
    where.addEventListener("change", () => where.value && act("attach", { id: item.id, workspace_id: Number(where.value) }, where));
    const remove = guardedButton("Remove", "Really remove?", () => act("remove", { id: item.id }, remove), { describes: `Remove ${item.name}` });
    return { cells: [item.name, item.type, "*****", item.created_at, h("span", { class: "wlr-row" }, ...attached, free.length ? where : null), remove] };
  }

  return () => panel.close();
}

export default { render };
