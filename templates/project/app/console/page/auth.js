// What somebody gives as `auth` when connecting: fields made of the `connect` message of the contract.

import { element } from "./dom.js";
import { Field } from "./fields.js";

export class Auth {
  constructor() {
    this.element = element("div", { class: "auth" });
  }

  /** Makes the form for a namespace. `name`: who is about to connect; `token`: of the account, if there is one. */
  show(contract, { auth, needsToken }, { name, token }) {
    this._sendsToken = needsToken || !auth.properties || "token" in auth.properties;
    const fieldsOf = (parent) =>
      Object.entries(parent.properties ?? {}).map(([each, given]) => {
        const required = (parent.required ?? []).includes(each);
        // Two visitors are easier to tell apart by their own names than by a default that they share.
        const value = each === "user_name" ? name : undefined;
        return [each, new Field(contract, { schema: contract.resolve(given), name: each, required, value })];
      });
    // What is in its objects, too; what is deeper is JSON.
    this._groups = Object.entries(auth.properties ?? {}).flatMap(([each, given]) => {
      const schema = contract.resolve(given);
      return schema.type === "object" && schema.properties ? [[each, fieldsOf(schema)]] : [];
    });
    const grouped = this._groups.map(([each]) => each);
    this._fields = fieldsOf(auth).filter(([each]) => each !== "token" && !grouped.includes(each));
    this.element.replaceChildren(
      ...this._fields.map(([, field]) => field.element),
      ...this._groups.map(([each, fields]) =>
        element("fieldset", {}, element("legend", {}, `auth.${each}`), ...fields.map(([, field]) => field.element)),
      ),
    );
    if (needsToken && !token) {
      this.element.append(element("p", { class: "hint" }, "This namespace wants a token: register or log in first."));
    }
  }

  /** What to send. Raises a SyntaxError when JSON is wrong. */
  read() {
    const groups = this._groups.map(([name, fields]) => [name, valuesOf(fields)]);
    return { ...valuesOf(this._fields), ...Object.fromEntries(groups) };
  }

  with(values, token) {
    return this._sendsToken && token ? { ...values, token } : values;
  }
}

function valuesOf(fields) {
  return Object.fromEntries(fields.filter(([, field]) => field.isSent).map(([name, field]) => [name, field.read()]));
}
