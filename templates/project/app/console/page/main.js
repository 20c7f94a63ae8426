// The page: users side by side, each with an account and a connection of its own.

import { element } from "./dom.js";
import { readContract } from "./contract.js";
import { User } from "./user.js";

// Of this tab, and gone with it: tokens are in it.
const STORAGE_KEY = "console";
const NAMES = ["Ada", "Grace", "Linus", "Barbara", "Edsger", "Hedy"];

const users = [];
const main = document.getElementById("users");
const online = document.getElementById("online");
const problem = document.getElementById("problem");
let contract;

/** What all users of the page have in common. */
const page = {
  get contract() {
    return contract;
  },
  /** Who has sent what last, for how long after that the others have heard of it. */
  lastSent: undefined,
  changed() {
    showOnline();
    remember();
  },
  async reconnected() {
    const fresh = await readContract().catch(() => undefined);
    if (!fresh || fresh.text === contract.text) return;
    use(fresh);
    for (const user of users) user.useContract();
  },
  remove(user) {
    const next = users[users.indexOf(user) + 1] ?? users[users.indexOf(user) - 1];
    users.splice(users.indexOf(user), 1);
    user.element.remove();
    (next?.element ?? document.getElementById("add-user")).focus();
    page.changed();
  },
};

function addUser(saved) {
  const taken = users.map((user) => user.name);
  const name = NAMES.find((each) => !taken.includes(each)) ?? `User ${users.length + 1}`;
  const user = new User(page, { name, ...saved });
  users.push(user);
  main.append(user.element);
  return user;
}

function showOnline() {
  const lines = contract.namespaces.flatMap(({ address }) => {
    const there = users.filter((user) => user.isConnectedTo(address)).map((user) => user.name);
    return there.length ? [element("p", {}, element("code", {}, address), ` ${there.join(", ")}`)] : [];
  });
  online.replaceChildren(...(lines.length ? lines : [element("p", {}, "Nobody is connected")]));
}

function remember() {
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify(users.map((user) => user.saved)));
}

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(STORAGE_KEY)) ?? [];
  } catch {
    return [];
  }
}

function use(fresh) {
  contract = fresh;
  document.title = `Console of ${contract.title}`;
  document.getElementById("project").textContent = `${contract.title} console`;
  document.getElementById("server").textContent = `${contract.version} on ${location.host}`;
}

function complain(...children) {
  problem.replaceChildren(element("p", { class: "notice" }, ...children));
}

async function start() {
  if (!window.io) {
    complain("The Socket.IO client did not load. Without a way to the CDN, set ", element("code", {}, "CONSOLE_CLIENT"), " in .env.");
    return;
  }
  try {
    use(await readContract());
  } catch (error) {
    complain(`${error.message} `, element("button", { type: "button", onclick: () => location.reload() }, "Try again"));
    return;
  }
  if (contract.namespaces.length === 0) {
    complain("There is no namespace yet: ", element("code", {}, "macchiato add-namespace chat"));
    return;
  }
  const saved = remembered();
  for (const each of saved.length ? saved : [undefined, undefined]) addUser(each);
  showOnline();
  document.getElementById("add-user").addEventListener("click", () => {
    addUser().focus();
    remember();
  });
}

start();
