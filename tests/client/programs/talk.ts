/** What a typed client in TypeScript says and hears; compiled, then run with the URL of the server. */
import { connectWorkshop, type ConnectError, type Place, type WorkshopRefusal } from "./client.js";

const url = process.argv[2] ?? "";
const options = { transports: ["websocket"], forceNew: true };

const refused = connectWorkshop(url, { name: "" }, options);
await new Promise<void>((resolve) => {
  refused.on("connect_error", (error: ConnectError<WorkshopRefusal>) => {
    const code: "no_badge" | "timeout" | undefined | string = error.data?.code;
    console.log(JSON.stringify([code, error.message]));
    refused.close();
    resolve();
  });
});

const ada = connectWorkshop(`${url}/`, (give) => give({ name: "Ada" }), options);
const heard: unknown[] = [];
ada.on("added", (task, count) => heard.push([task.title.length, count + 1]));
ada.on("tick", () => heard.push("tick"));
ada.on("where", (thing, answer) => {
  const place: Place = { where: "bench", at: [thing.length, 2.5] };
  answer(place);
});
const added = await ada.emitWithAck("added", { title: "saw" }, 2);
if (added.ok) console.log(JSON.stringify(added.data.map((task) => [task.title, task.urgent])));
const one = await ada.timeout(5000).emitWithAck("added", { title: "saw" });
console.log(one.ok && one.data.length);
const many = await ada.emitWithAck("added", { title: "saw" }, 10);
if (!many.ok && many.error.code === "too_much") console.log(JSON.stringify(many.error));
const sum = await ada.emitWithAck("sum-up", 1, 2.5);
if (sum.ok) console.log(sum.data.toFixed(1));
const found = await ada.emitWithAck("find", "saw");
if (found.ok) console.log(JSON.stringify(found.data?.at));
console.log(JSON.stringify(heard));
ada.on("closing", ({ code }) => console.log(code));
ada.on("disconnect", (reason) => console.log(reason));
await ada.emitWithAck("leave").catch(() => {});

export async function wrong(): Promise<void> {
  // @ts-expect-error: a number is no text.
  await ada.emitWithAck("find", 5);
  // @ts-expect-error: a task has a title.
  await ada.emitWithAck("added", { tilte: "saw" });
  // @ts-expect-error: clients hear this.
  await ada.emitWithAck("tick");
  // @ts-expect-error: nobody says this.
  ada.on("noSuchEvent", () => {});
  // @ts-expect-error: there is no such place.
  ada.on("where", (_, answer) => answer({ where: "moon", at: null }));
  // @ts-expect-error: the badge has a name.
  connectWorkshop(url, {});
  // @ts-expect-error: there is no such code.
  if (!many.ok && many.error.code === "nope") return;
  // @ts-expect-error: an ack is an error, or has data.
  many.data;
}
