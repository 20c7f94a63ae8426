// node comeback.mjs URL TRANSPORT TOKEN: says once how often it has connected, and what it was told then.
import { io } from "socket.io-client";

const [url, transport, token] = process.argv.slice(2);

const socket = io(`${url}/devUser`, {
  query: { commId: token },
  transports: [transport],
  reconnectionDelay: 100,
  reconnectionDelayMax: 200,
});
let times = 0;
socket.on("connect", async () => {
  times += 1;
  const { ok } = await socket.timeout(5000).emitWithAck("sayStuff", "hi");
  console.log(JSON.stringify({ times, ok }));
  if (times === 2) {
    socket.disconnect();
  }
});
socket.on("disconnect", (reason) => {
  console.log(JSON.stringify({ reason }));
});
