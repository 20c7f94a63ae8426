// The events of a namespace, each a form.

import { element } from "./dom.js";
import { Arguments } from "./fields.js";

export class Events {
  /** @param onemit Gets an event's name and its arguments; what it returns is the ack, or undefined. */
  constructor({ onemit }) {
    this._onemit = onemit;
    this._list = element("div", { class: "events" });
    this.element = element("section", { class: "part", "aria-label": "Events" }, element("h3", {}, "Events"), this._list);
  }

  show(contract, namespace) {
    this._list.replaceChildren(...namespace.events.map((event, index) => this._form(contract, event, index === 0)));
    if (namespace.events.length === 0) this._list.append(element("p", { class: "empty" }, "It has no listeners."));
  }

  focus() {
    const open = this._list.querySelector("details[open]");
    (open?.querySelector("textarea, input, select, button") ?? open?.querySelector("summary"))?.focus();
  }

  _form(contract, event, isOpen) {
    const args = new Arguments(contract, event.args);
    const signature = [...event.args.args.map((arg) => (arg.required ? arg.name : `${arg.name}?`))];
    if (event.args.rest) signature.push(`\u2026${event.args.rest.name}`);
    const summary = element("summary", {}, element("code", {}, element("b", {}, event.name), `(${signature.join(", ")})`));
    const form = element(
      "form",
      { onsubmit: (submitted) => this._emit(submitted, event.name, args) },
      event.description && element("p", { class: "description" }, event.description),
      ...args.elements,
      element("button", { class: "primary" }, "Emit"),
    );
    const details = element("details", { class: "event", open: isOpen }, summary, form);
    form.addEventListener("keydown", (pressed) => {
      if (pressed.key !== "Escape" || pressed.isComposing) return;
      details.open = false;
      summary.focus();
    });
    return details;
  }

  async _emit(submitted, name, args) {
    submitted.preventDefault();
    let values;
    try {
      values = args.read();
    } catch {
      return; // The field says what is wrong with it.
    }
    args.complain([]);
    // What is typed next takes the place of what was sent.
    if (submitted.target.contains(document.activeElement)) document.activeElement.select?.();
    const ack = await this._onemit(name, values);
    const details = ack?.error?.details;
    if (ack?.error?.code === "invalid_payload" && Array.isArray(details)) args.complain(details);
  }
}

/** Lets people answer a question of the server's. */
export function answerForm(contract, payload, answer) {
  const args = new Arguments(contract, payload);
  const button = element("button", { class: "primary" }, "Answer");
  const form = element("form", { class: "answer" }, ...args.elements, button);
  form.addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    try {
      answer(...args.read());
    } catch {
      return;
    }
    form.closest(".log").focus();
    form.replaceChildren(element("p", { class: "ack good" }, "\u2713 answered"));
  });
  form.addEventListener("keydown", (pressed) => {
    if (pressed.key !== "Escape" || pressed.isComposing) return;
    form.closest(".log").focus();
    form.replaceChildren(element("p", { class: "ack" }, "not answered"));
  });
  return form;
}
