// Who somebody is: registered or logged in over the HTTP API, with a token that stays in this tab.

import { element, freshId } from "./dom.js";

/** Raises an Error that says what the server said. */
async function post(path, { body, token }) {
  const headers = token ? { Authorization: `Bearer ${token}` } : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("The server does not answer.");
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  const { detail } = said;
  if (!Array.isArray(detail)) throw new Error(detail ?? `HTTP ${answer.status}`);
  throw new Error(detail.map(({ loc, msg }) => `${loc.at(-1)}: ${msg}`).join("; "));
}

function random(length) {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => letters[byte % letters.length]).join("");
}

export class Account {
  /**
   * @param name Whom the form suggests to register.
   * @param saved An earlier `account.saved`.
   * @param onchange Called when somebody else, or nobody, is logged in; and with the token when it is renewed.
   */
  constructor({ name, saved, onchange, onrenewed }) {
    this.saved = saved;
    this._onchange = onchange;
    this._onrenewed = onrenewed;
    this._problem = element("p", { class: "problem", role: "alert" });
    this._form = this._makeForm(name);
    this._summary = element("div", { class: "signed-in" });
    this.element = element("section", { class: "part", "aria-label": "Account" }, this._form, this._summary, this._problem);
    this._show();
  }

  get token() {
    return this.saved?.token;
  }

  get user() {
    return this.saved?.user;
  }

  focus() {
    (this.user ? this._summary.querySelector("button") : this._form.elements.namedItem("name")).focus();
  }

  _makeForm(name) {
    const group = freshId("account");
    const mode = (value, text, checked) =>
      element("label", {}, element("input", { type: "radio", name: group, value, checked }), element("span", {}, text));
    this._register = mode("register", "Register", true);
    this._logIn = mode("login", "Log in", false);
    this._name = this._row("Name", { name: "name", value: name, maxlength: 80 });
    const email = `${name.toLowerCase().replaceAll(/[^a-z0-9]/g, "")}.${random(4)}@example.com`;
    this._submit = element("button", { class: "primary" }, "Register");
    const form = element(
      "form",
      { class: "account", onsubmit: (event) => this._enter(event) },
      element("fieldset", { class: "modes" }, element("legend", { class: "unseen" }, "Account"), this._register, this._logIn),
      this._name,
      this._row("E-mail", { name: "email", type: "email", value: email }),
      this._row("Password", { name: "password", type: "password", value: random(16) }),
      this._submit,
    );
    form.noValidate = true;
    form.addEventListener("change", () => {
      this._name.hidden = !this._isRegistering;
      this._submit.textContent = this._isRegistering ? "Register" : "Log in";
    });
    return form;
  }

  get _isRegistering() {
    return this._register.querySelector("input").checked;
  }

  _row(text, attributes) {
    const id = freshId("account");
    const input = element("input", { id, type: "text", autocomplete: "off", ...attributes });
    return element("div", { class: "row" }, element("label", { for: id }, text), input);
  }

  async _enter(event) {
    event.preventDefault();
    const { name, email, password } = Object.fromEntries(
      ["name", "email", "password"].map((field) => [field, this._form.elements.namedItem(field).value]),
    );
    await this._try(async () => {
      this.saved = this._isRegistering
        ? await post("api/users", { body: { name, email, password } })
        : await post("api/login", { body: { email, password } });
      this._show();
      this._onchange();
    });
  }

  async _renew() {
    await this._try(async () => {
      this.saved = await post("api/token", { token: this.token });
      this._show();
      this._onrenewed();
    });
  }

  _leave() {
    this.saved = undefined;
    this._problem.textContent = "";
    this._show();
    this._onchange();
    this.focus();
  }

  /** Does something with the server, and shows why it failed. */
  async _try(action) {
    if (this._isBusy) return;
    this._isBusy = true;
    this._problem.textContent = "";
    try {
      await action();
    } catch (error) {
      this._problem.textContent = error.message;
    } finally {
      this._isBusy = false;
    }
  }

  _show() {
    this._form.hidden = Boolean(this.user);
    this._summary.hidden = !this.user;
    this._summary.replaceChildren(
      element("span", { class: "email" }, this.user?.email ?? ""),
      element("button", { type: "button", onclick: () => this._renew() }, "Renew token"),
      element("button", { type: "button", onclick: () => this._leave() }, "Log out"),
    );
  }
}
