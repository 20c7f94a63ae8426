// node metadata.mjs URL NAME: what somebody hears of herself who says her name in the query.
import { io } from "socket.io-client";

const [url, name] = process.argv.slice(2);

const metadata = JSON.stringify({ user_name: name });
const socket = io(`${url}/chat`, { query: { metadata }, forceNew: true });
const other = io(`${url}/chat`, { auth: { metadata: { user_name: "Other" } }, forceNew: true });
await new Promise((resolve) => other.on("connect", resolve));
other.on("sayingStuff", (heard) => {
  console.log(JSON.stringify(heard));
  socket.disconnect();
  other.disconnect();
});
socket.emit("sayStuff", "hi");
