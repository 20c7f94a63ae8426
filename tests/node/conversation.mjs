// node conversation.mjs URL TRANSPORTS TOKEN TOKEN: what two people see who talk as the original's users do.
import { io } from "socket.io-client";

const [url, transports, ...tokens] = process.argv.slice(2);

function connected(token) {
  const socket = io(`${url}/devUser`, {
    query: { commId: token },
    transports: transports.split(","),
    forceNew: true,
  });
  return new Promise((resolve, reject) => {
    socket.on("connect_error", reject);
    socket.on("connect", () => {
      const { engine } = socket.io;
      if (transports === "polling,websocket" && engine.transport.name === "polling") {
        engine.once("upgrade", () => resolve(socket));
      } else {
        resolve(socket);
      }
    });
  });
}

const heard = (socket) => new Promise((resolve) => socket.once("sayingStuff", resolve));

const [ada, grace] = await Promise.all(tokens.map(connected));
const hears = [heard(ada), heard(grace)];
const ack = await ada.timeout(5000).emitWithAck("sayStuff", "hi");
const [adaHears, graceHears] = await Promise.all(hears);
const wrong = await ada.timeout(5000).emitWithAck("sayStuff", { text: 5 });
const unknown = await ada.timeout(5000).emitWithAck("noSuchEvent");
const transport = [ada, grace].map((socket) => socket.io.engine.transport.name);
const left = new Promise((resolve) => ada.once("disconnect", resolve));
ada.disconnect();
grace.disconnect();
console.log(JSON.stringify({ ack, adaHears, graceHears, wrong, unknown, transport, left: await left }));
