// Form fields made of JSON Schema. What a field holds is sent as it is, also when it is wrong: the server says so.

import { element, freshId } from "./dom.js";

/** One value: `field.element`, `field.read()`, `field.isSent`, `field.complain(text)`. */
export class Field {
  /**
   * @param contract Resolves references in `schema`.
   * @param {{schema: object, name: string, required: boolean, value?: string}} of
   */
  constructor(contract, { schema, name, required, value }) {
    this.name = name;
    this.kind = kindOf(contract, schema);
    const id = freshId("field");
    this._note = element("p", { id: `${id}-note`, class: "field-note" });
    this._input = inputOf(this.kind, { id, "aria-describedby": `${id}-note` }, value ?? schema.default);
    this._null = this.kind.nullable ? element("input", { type: "checkbox" }) : undefined;
    if (this._null) {
      this._null.checked = schema.default === null && value === undefined;
      this._null.addEventListener("change", () => this._send());
    }
    this._sent = required ? undefined : element("input", { type: "checkbox" });
    if (this._sent) this._sent.checked = value !== undefined;
    this._input.addEventListener("input", () => {
      if (this._null) this._null.checked = false;
      this._send();
      this.complain("");
    });
    this.element = element(
      "div",
      { class: "field" },
      element(
        "div",
        { class: "field-head" },
        element("label", { for: id }, name),
        element("span", { class: "type" }, this.kind.text),
        this._null && checkOf(this._null, "null", `for ${name}`),
        this._sent && checkOf(this._sent, "send", name),
      ),
      this._input,
      this._note,
    );
  }

  get isSent() {
    return this._sent?.checked ?? true;
  }

  set isSent(sent) {
    if (this._sent) this._sent.checked = sent;
  }

  onSentChange(listener) {
    this._sent?.addEventListener("change", listener);
    this._onSent = listener;
  }

  /** Raises a SyntaxError, and shows it, when this is to be JSON and is not. */
  read() {
    if (this._null?.checked) return null;
    const text = this._input.value;
    switch (this.kind.name) {
      case "boolean":
        return this._input.value === "true";
      case "choice":
        return JSON.parse(text);
      case "number":
        // Not a number: the server is to say so.
        return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
      case "json":
        try {
          return JSON.parse(text);
        } catch (error) {
          this.complain(`This is not JSON: ${error.message}`);
          this._input.focus();
          throw error;
        }
      default:
        return text;
    }
  }

  complain(text) {
    this._note.textContent = text;
    if (text) this._input.setAttribute("aria-invalid", "true");
    else this._input.removeAttribute("aria-invalid");
  }

  focus() {
    this._input.focus();
    this._input.select?.();
  }

  _send() {
    if (!this._sent || this._sent.checked) return;
    this._sent.checked = true;
    this._onSent?.();
  }
}

/** What a form has of a list of arguments; those that are optional can be left out, with all after them. */
export class Arguments {
  constructor(contract, { args, rest }) {
    this._fields = args.map((arg) => new Field(contract, arg));
    this._rest = rest && new Field(contract, { ...rest, required: false });
    const inOrder = [...this._fields, ...(this._rest ? [this._rest] : [])];
    inOrder.forEach((field, index) =>
      field.onSentChange(() => {
        // A list has no gaps: whatever is before the last one is there.
        for (const before of inOrder.slice(0, index)) if (field.isSent) before.isSent = true;
        for (const after of inOrder.slice(index + 1)) if (!field.isSent) after.isSent = false;
      }),
    );
    this.elements = inOrder.map((field) => field.element);
    this._inOrder = inOrder;
  }

  /** The values. Raises a SyntaxError when JSON is wrong. */
  read() {
    const values = this._fields.filter((field) => field.isSent).map((field) => field.read());
    if (!this._rest?.isSent) return values;
    const more = this._rest.read();
    return values.concat(Array.isArray(more) ? more : [more]);
  }

  /** Shows what an ack of `invalid_payload` says, each problem at its field. */
  complain(details) {
    for (const field of this._inOrder) {
      const problems = details.filter(({ field: path }) => String(path).split(".")[0] === field.name);
      field.complain(problems.map((problem) => problem.message).join("; "));
    }
  }

  focus() {
    this._inOrder[0]?.focus();
  }
}

/** What people type for a schema: {name, text, nullable, choices}. */
function kindOf(contract, given) {
  const schema = contract.resolve(given);
  const variants = (schema.anyOf ?? schema.oneOf ?? typesOf(schema))?.map((each) => contract.resolve(each));
  if (variants) {
    const others = variants.filter((variant) => variant.type !== "null");
    if (others.length === 1 && variants.length === 2) {
      const kind = kindOf(contract, others[0]);
      return { ...kind, nullable: true, text: `${kind.text} or null` };
    }
    return { name: "json", text: "JSON" };
  }
  if ("const" in schema) return { name: "choice", choices: [schema.const], text: "constant" };
  if (schema.enum) return { name: "choice", choices: schema.enum, text: "choice" };
  if (schema.type === "string") return { name: "string", text: `string${limits(schema.minLength, schema.maxLength)}` };
  if (schema.type === "number" || schema.type === "integer") {
    return { name: "number", text: `${schema.type}${limits(schema.minimum, schema.maximum)}` };
  }
  if (schema.type === "boolean") return { name: "boolean", choices: [false, true], text: "boolean" };
  return { name: "json", text: schema.type ? `JSON ${schema.type}` : "JSON", example: exampleOf(contract, schema) };
}

/** A checkbox with a word, and what it is about for those who do not see where it is. */
function checkOf(box, word, about) {
  return element("label", { class: "check" }, box, element("span", {}, word, element("span", { class: "unseen" }, ` ${about}`)));
}

function typesOf(schema) {
  return Array.isArray(schema.type) ? schema.type.map((type) => ({ ...schema, type })) : undefined;
}

function limits(least, most) {
  if (least === undefined && most === undefined) return "";
  if (most === undefined) return `, from ${least}`;
  return least === undefined ? `, up to ${most}` : `, ${least} to ${most}`;
}

function inputOf(kind, attributes, value) {
  if (kind.choices) {
    const options = kind.choices.map((choice) => {
      const option = element("option", { value: JSON.stringify(choice) }, String(choice));
      option.selected = choice === value;
      return option;
    });
    return element("select", attributes, ...options);
  }
  if (kind.name === "number") {
    return element("input", { ...attributes, type: "text", inputmode: "decimal", autocomplete: "off", value: value ?? "" });
  }
  const isText = kind.name === "string";
  const text = isText ? (value ?? "") : JSON.stringify(value ?? kind.example ?? null, null, 2);
  const classes = isText ? "text" : "json";
  return element("textarea", { ...attributes, class: classes, rows: isText ? 1 : 3, spellcheck: "false" }, text);
}

/** Something to begin with: the fields of an object, with values that are empty. */
function exampleOf(contract, given, depth = 0) {
  const schema = contract.resolve(given);
  if ("default" in schema) return schema.default;
  if (schema.enum) return schema.enum[0];
  if ("const" in schema) return schema.const;
  const variant = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (variant) return depth > 3 ? null : exampleOf(contract, variant, depth + 1);
  if (schema.type === "object" && depth <= 3) {
    const entries = Object.entries(schema.properties ?? {});
    return Object.fromEntries(entries.map(([name, each]) => [name, exampleOf(contract, each, depth + 1)]));
  }
  return { object: {}, array: [], string: "", integer: 0, number: 0, boolean: false }[schema.type] ?? null;
}
