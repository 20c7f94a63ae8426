// What one user sent and heard, as it happens.

import { element, shown } from "./dom.js";

const MOST_ENTRIES = 500;

/** Each kind of entry: a sign for eyes, and a word for ears. */
const KINDS = {
  sent: ["\u2191", "sent"],
  heard: ["\u2193", "heard"],
  asked: ["?", "asked"],
  status: ["\u2022", "status"],
};

export function inWords(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

export class Log {
  /** @param hide Gets text before it is shown; what must not be seen is not in what it returns. */
  constructor({ of, hide }) {
    this._hide = hide;
    this._list = element("ol", { class: "log", role: "log", tabindex: 0, "aria-label": `What ${of} sent and heard` });
    this._empty = element("p", { class: "empty" }, "Nothing yet: connect, and send something.");
    const clear = element("button", { type: "button", class: "quiet", onclick: () => this._clear() }, "Clear");
    this.element = element(
      "section",
      { class: "part conversation", "aria-label": "Conversation" },
      element("div", { class: "part-head" }, element("h3", {}, "Conversation"), clear),
      this._empty,
      this._list,
    );
    this._list.hidden = true;
  }

  status(text, { isBad = false } = {}) {
    this._add("status", element("span", { class: isBad ? "bad" : undefined }, this._hide(text)));
  }

  /** @param after How long after what; undefined: nobody in this page has sent anything lately. */
  heard(event, args, after) {
    const latency = after && element("span", { class: "latency", title: `after ${after.what}` }, `+${inWords(after.ms)}`);
    this._add("heard", element("strong", {}, event), { latency, more: args.map((arg) => this._value(arg)) });
  }

  /** @param answer A form, or what else there is to do. */
  asked(event, args, answer) {
    this._add("asked", element("strong", {}, event), { more: [...args.map((arg) => this._value(arg)), answer] });
  }

  /** Returns what shows the ack, when it is there. */
  sent(event, args) {
    const latency = element("span", { class: "latency" });
    const ack = element("p", { class: "ack waiting" }, "no ack yet");
    this._add("sent", element("strong", {}, event), { latency, more: [...args.map((arg) => this._value(arg)), ack] });
    return (answer) => {
      const isBad = answer.error || answer.ack?.ok === false;
      latency.textContent = answer.error ? "" : inWords(answer.ms);
      ack.className = isBad ? "ack bad" : "ack good";
      ack.replaceChildren(...(answer.error ? [`No ack: ${answer.error.message}`] : this._ack(answer.ack)));
      this._follow();
    };
  }

  _ack(ack) {
    if (ack?.ok === true) return [element("span", { class: "verdict" }, "\u2713 ok"), this._value(ack.data)];
    if (ack?.ok !== false) return [element("span", { class: "verdict" }, "\u2713 ack"), this._value(ack)];
    const { code, message, details } = ack.error;
    const parts = [element("span", { class: "verdict" }, `\u2715 ${code}`), ` ${message}`];
    if (Array.isArray(details) && details.every((each) => each?.field !== undefined && each.message !== undefined)) {
      parts.push(...details.map((each) => this._value(`${each.field}: ${each.message}`, { isText: true })));
    } else if (details !== null && details !== undefined) parts.push(this._value(details));
    return parts;
  }

  _value(value, { isText = false } = {}) {
    return element("code", { class: "value" }, this._hide(isText ? value : shown(value)));
  }

  _add(kind, title, { latency, more = [] } = {}) {
    const [sign, word] = KINDS[kind];
    const now = new Date();
    const entry = element(
      "li",
      { class: `entry ${kind}` },
      element("span", { class: "sign", "aria-hidden": "true" }, sign),
      element("span", { class: "unseen" }, `${word} `),
      title,
      latency,
      element("time", { datetime: now.toISOString() }, now.toTimeString().slice(0, 8)),
      ...more,
    );
    const { scrollTop, scrollHeight, clientHeight } = this._list;
    this._follows = scrollHeight - scrollTop - clientHeight < 40;
    this._list.append(entry);
    if (this._list.children.length > MOST_ENTRIES) this._list.firstChild.remove();
    this._list.hidden = false;
    this._empty.hidden = true;
    this._follow();
  }

  _follow() {
    // Who has scrolled up is reading.
    if (this._follows) this._list.scrollTop = this._list.scrollHeight;
  }

  _clear() {
    this._list.replaceChildren();
    this._list.hidden = true;
    this._empty.hidden = false;
  }
}
