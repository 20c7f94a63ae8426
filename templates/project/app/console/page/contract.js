// What the server says of its namespaces: /asyncapi.json.

/** Raises an Error whose message is for people. */
export async function readContract() {
  let answer;
  try {
    answer = await fetch("asyncapi.json");
  } catch {
    throw new Error("The server does not answer.");
  }
  if (!answer.ok) throw new Error(`The server does not say what its namespaces are (HTTP ${answer.status}).`);
  const text = await answer.text();
  return new Contract(JSON.parse(text), text);
}

class Contract {
  constructor(document, text) {
    this.text = text;
    this.title = document.info.title;
    this.version = document.info.version;
    this._document = document;
    this.namespaces = Object.entries(document.channels).map(([key, channel]) => this._namespace(key, channel));
  }

  /** A schema without references. */
  resolve(schema) {
    if (schema?.$ref) return { ...this.resolve(this._at(schema.$ref)), ...without(schema, "$ref") };
    if (schema?.allOf?.length === 1) return { ...this.resolve(schema.allOf[0]), ...without(schema, "allOf") };
    return schema ?? {};
  }

  _namespace(key, channel) {
    const events = [];
    const questions = new Map();
    let auth = {};
    let needsToken = false;
    for (const operation of Object.values(this._document.operations)) {
      if (operation.channel.$ref !== `#/channels/${key}`) continue;
      const message = this._at(operation.messages[0].$ref);
      const isConnecting = operation.messages[0].$ref.endsWith("/messages/connect") && !isList(message);
      if (isConnecting) {
        auth = this.resolve(message.payload);
        needsToken = Boolean(operation.security);
      } else if (operation.action === "receive") {
        events.push({ name: message.name, description: message.description, args: this._arguments(message) });
      } else if (operation.reply) {
        questions.set(message.name, this._arguments(this._at(operation.reply.messages[0].$ref)));
      }
    }
    return { address: channel.address, auth, needsToken, events, questions };
  }

  /** What the items of a message's payload are: {schema, name, required}, and `rest` for any more of them. */
  _arguments(message) {
    const { minItems = 0, maxItems } = message.payload;
    // One schema, and no list of them, is that of all arguments.
    const isList = Array.isArray(message.payload.items);
    const items = isList ? message.payload.items : [];
    const additionalItems = isList || maxItems === 0 ? message.payload.additionalItems : message.payload.items;
    const args = items.map((item, index) => {
      const schema = this.resolve(item);
      return { schema, name: item.title ?? (items.length > 1 ? `argument ${index + 1}` : "answer"), required: index < minItems };
    });
    if (typeof additionalItems !== "object") return { args };
    return { args, rest: { schema: { type: "array", items: additionalItems }, name: additionalItems.title ?? "more" } };
  }

  _at(reference) {
    return reference
      .slice(2)
      .split("/")
      .reduce((found, step) => found[step.replaceAll("~1", "/").replaceAll("~0", "~")], this._document);
  }
}

function isList(message) {
  return message.payload.type === "array";
}

function without(schema, key) {
  const { [key]: _, ...rest } = schema;
  return rest;
}
