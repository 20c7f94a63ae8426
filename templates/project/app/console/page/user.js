// One user: an account, a connection, the events of its namespace, and what was said.

import { Account } from "./account.js";
import { Auth } from "./auth.js";
import { Connection } from "./connection.js";
import { element, freshId } from "./dom.js";
import { answerForm, Events } from "./events.js";
import { Log } from "./log.js";

const STATES = {
  offline: { text: "offline", button: "Connect" },
  refused: { text: "refused", button: "Connect" },
  connecting: { text: "connecting", button: "Stop" },
  reconnecting: { text: "reconnecting", button: "Stop" },
  connected: { text: "connected", button: "Disconnect" },
};
// What is heard later than this after something was sent has nothing to do with it.
const RELATED_WITHIN_MS = 2000;

export class User {
  /**
   * @param page What this user has in common with the others (see main.js).
   * @param saved An earlier `user.saved`.
   */
  constructor(page, saved) {
    this._page = page;
    this._guestName = saved.name;
    this._tokens = new Set(saved.account ? [saved.account.token] : []);
    this._state = "offline";
    this._account = new Account({
      name: saved.name,
      saved: saved.account,
      onchange: () => this._useAccount(),
      onrenewed: () => this._renewed(),
    });
    this._events = new Events({ onemit: (event, args) => this._emit(event, args) });
    this._log = new Log({ of: saved.name, hide: (text) => this._withoutTokens(text) });
    this._makeElement();
    if (page.contract.namespaces.some(({ address }) => address === saved.address)) this._namespaces.value = saved.address;
    this.useContract();
    this._showName();
    if (saved.isConnected) this._connect();
  }

  get name() {
    return this._account.user?.name ?? this._guestName;
  }

  get saved() {
    const isConnected = this._connection !== undefined;
    return { name: this._guestName, account: this._account.saved, address: this._namespaces.value, isConnected };
  }

  isConnectedTo(address) {
    return this._state === "connected" && this._namespaces.value === address;
  }

  focus() {
    this._account.focus();
  }

  /** Makes the forms of what the server says now. */
  useContract() {
    const chosen = this._namespaces.value;
    const addresses = this._page.contract.namespaces.map(({ address }) => address);
    this._namespaces.replaceChildren(...addresses.map((each) => element("option", { value: each }, each)));
    this._namespaces.value = addresses.includes(chosen) ? chosen : addresses[0];
    this._useNamespace();
  }

  get _namespace() {
    return this._page.contract.namespaces.find(({ address }) => address === this._namespaces.value);
  }

  _makeElement() {
    const heading = freshId("user");
    const select = freshId("namespace");
    this._heading = element("h2", { id: heading });
    this._initial = element("span", { class: "initial", "aria-hidden": "true" });
    this._pill = element("span", { class: "pill" });
    this._remove = element("button", { type: "button", class: "quiet", onclick: () => this._leave() }, "\u2715");
    this._namespaces = element("select", { id: select, onchange: () => this._useNamespace() });
    this._namespaces.append(...this._page.contract.namespaces.map(({ address }) => element("option", { value: address }, address)));
    this._auth = new Auth();
    this._toggle = element("button", { class: "primary" }, "Connect");
    const connection = element(
      "form",
      { class: "part connection", "aria-label": "Connection", onsubmit: (event) => this._connectOrNot(event) },
      element("div", { class: "row" }, element("label", { for: select }, "Namespace"), this._namespaces, this._toggle),
      this._auth.element,
    );
    this.element = element(
      "section",
      { class: "user", "aria-labelledby": heading, tabindex: -1, onkeydown: sendOnEnter },
      element("div", { class: "user-head" }, this._initial, this._heading, this._pill, this._remove),
      this._account.element,
      connection,
      this._events.element,
      this._log.element,
    );
    this._showState();
  }

  _useNamespace() {
    this._auth.show(this._page.contract, this._namespace, { name: this.name, token: this._account.token });
    this._events.show(this._page.contract, this._namespace);
  }

  _connectOrNot(event) {
    event.preventDefault();
    if (this._connection) this._disconnect();
    else this._connect();
  }

  _connect() {
    let values;
    try {
      values = this._auth.read();
    } catch {
      return; // The field says what is wrong with it.
    }
    this._connection = new Connection({
      address: this._namespaces.value,
      auth: () => this._auth.with(values, this._account.token),
      onstate: (state, why) => this._becomes(state, why),
      onheard: (event, args, answer) => this._heard(event, args, answer),
    });
  }

  _disconnect(why = "disconnected") {
    this._connection?.close();
    this._becomes("offline", why);
  }

  _becomes(state, why) {
    const before = this._state;
    this._state = state;
    if (state === "offline" || state === "refused") {
      this._connection?.close();
      this._connection = undefined;
    }
    if (state === "reconnecting" && before === "reconnecting") return;
    const text = {
      connected: `${before === "reconnecting" ? "connected again" : "connected"}, by ${why}`,
      refused: `refused: ${why}`,
      // Before the first connection, the usual reason is one that browsers keep to themselves.
      reconnecting: before === "connected" ? `connection lost: ${why}` : `${why}: is ${location.origin} in ALLOWED_ORIGINS?`,
      offline: why,
    }[state];
    if (text) this._log.status(text, { isBad: state === "refused" || state === "reconnecting" });
    if (state === "connected" && before === "reconnecting") this._page.reconnected();
    const wasOnToggle = document.activeElement === this._toggle;
    this._showState();
    if (state === "connected" && wasOnToggle) this._events.focus();
    this._page.changed();
  }

  async _emit(event, args) {
    if (this._state !== "connected") {
      this._log.status("Connect first: nothing was sent.", { isBad: true });
      return undefined;
    }
    this._page.lastSent = { address: this._namespaces.value, at: performance.now(), what: `${this.name}'s ${event}` };
    const showAck = this._log.sent(event, args);
    const answer = await this._connection.emit(event, args);
    showAck(answer);
    return answer.ack;
  }

  _heard(event, args, answer) {
    const question = answer && this._namespace.questions.get(event);
    if (answer) {
      const payload = question ?? { args: [{ schema: {}, name: "answer", required: true }] };
      this._log.asked(event, args, answerForm(this._page.contract, payload, answer));
      return;
    }
    const last = this._page.lastSent;
    const ms = performance.now() - last?.at;
    const isRelated = last?.address === this._namespaces.value && ms < RELATED_WITHIN_MS;
    this._log.heard(event, args, isRelated ? { ms, what: last.what } : undefined);
  }

  _useAccount() {
    if (this._account.token) this._tokens.add(this._account.token);
    else if (this._connection) this._disconnect("logged out");
    this._showName();
    this._useNamespace();
    if (this._account.token) this._toggle.focus();
    this._page.changed();
  }

  _renewed() {
    this._tokens.add(this._account.token);
    const isRenewable = this._namespace.events.some(({ name }) => name === "renewToken");
    if (this._state === "connected" && isRenewable) this._emit("renewToken", [this._account.token]);
    else this._log.status("The token is renewed.");
    this._page.changed();
  }

  _leave() {
    this._connection?.close();
    this._state = "offline";
    this._page.remove(this);
  }

  _withoutTokens(text) {
    let hidden = text;
    for (const token of this._tokens) hidden = hidden.replaceAll(token, "\u2039token\u203a");
    return hidden;
  }

  _showName() {
    this._heading.textContent = this.name;
    this._initial.textContent = this.name.slice(0, 1).toUpperCase();
    this._remove.setAttribute("aria-label", `Remove ${this.name}`);
  }

  _showState() {
    const { text, button } = STATES[this._state];
    this._pill.textContent = text;
    this._pill.className = `pill ${this._state}`;
    this._toggle.textContent = button;
    this._toggle.className = button === "Connect" ? "primary" : "";
    this._namespaces.disabled = button !== "Connect";
  }
}

/** Enter sends a line of text; where text has several lines, as JSON does, Ctrl or Cmd is needed. */
function sendOnEnter(event) {
  const { target } = event;
  if (event.key !== "Enter" || event.isComposing || !(target instanceof HTMLTextAreaElement)) return;
  const sends = target.classList.contains("text") ? !event.shiftKey : event.ctrlKey || event.metaKey;
  if (!sends) return;
  event.preventDefault();
  target.form.requestSubmit();
}
