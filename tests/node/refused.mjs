// node refused.mjs TRANSPORT '[[URL/NAMESPACE, OPTIONS], ...]': what clients are told that may not connect.
import { io } from "socket.io-client";

const [transport, attempts] = process.argv.slice(2);

for (const [url, options] of JSON.parse(attempts)) {
  const socket = io(url, { transports: [transport], forceNew: true, ...options });
  const told = await new Promise((resolve) => {
    socket.on("connect", () => resolve("connected"));
    socket.on("connect_error", ({ message, data }) => resolve({ message, data }));
  });
  console.log(JSON.stringify(told));
  socket.disconnect();
}
