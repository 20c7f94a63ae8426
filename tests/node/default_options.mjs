// node default_options.mjs URL: says each time that it has connected to /probe, with which transport, and to which
// server, when that is settled; and why it was disconnected.
import { io } from "socket.io-client";

const socket = io(`${process.argv[2]}/probe`);
let times = 0;

async function settled() {
  const { engine } = socket.io;
  if (engine.transport.name === "polling") {
    await new Promise((resolve) => engine.once("upgrade", resolve));
  }
  return engine.transport.name;
}

socket.on("connect", async () => {
  times += 1;
  const transport = await settled();
  const { data } = await socket.timeout(5000).emitWithAck("look");
  console.log(JSON.stringify({ times, transport, node: data.node }));
  if (times === 2) {
    socket.disconnect();
  }
});
socket.on("disconnect", (reason) => {
  console.log(JSON.stringify({ reason }));
});
