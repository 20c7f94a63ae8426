// What the page is made of. Text is always text: nothing here, or in any other file, makes HTML of a string.

/** An element with attributes, listeners (`onclick`) and children; strings among these become text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

let count = 0;

/** An id that no other element has. */
export function freshId(name) {
  count += 1;
  return `${name}-${count}`;
}

const MOST_SHOWN = 20_000;

/** A value as JSON that people read: on one line while it is short, and only its beginning when it is huge. */
export function shown(value) {
  if (value === undefined) return "nothing";
  const line = JSON.stringify(value, withBytes);
  const text = line.length <= 60 ? line : JSON.stringify(value, withBytes, 2);
  if (text.length <= MOST_SHOWN) return text;
  return `${text.slice(0, MOST_SHOWN)}\u2026 and ${text.length - MOST_SHOWN} more characters`;
}

function withBytes(_key, value) {
  const bytes = ArrayBuffer.isView(value) ? value.buffer : value;
  return bytes instanceof ArrayBuffer ? `<${bytes.byteLength} bytes>` : value;
}
