// One Socket.IO connection to one namespace, and what becomes of it.

const ACK_WITHIN_MS = 10_000;

export class Connection {
  /**
   * @param auth Called for each attempt to connect, as is right for tokens that are renewed.
   * @param onstate Gets "connecting", "connected", "reconnecting", "refused" or "offline", and what to say of it.
   * @param onheard Gets an event, its arguments, and the function that answers it, if it is a question.
   */
  constructor({ address, auth, onstate, onheard }) {
    const path = new URL("socket.io", document.baseURI).pathname;
    this._onstate = onstate;
    this._socket = window.io(`${location.origin}${address}`, {
      path,
      // Each user is one of their own, as they would be in another browser.
      forceNew: true,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      reconnectionDelay: 300,
      reconnectionDelayMax: 1000,
      auth: (use) => use(auth()),
    });
    const socket = this._socket;
    onstate("connecting");
    socket.on("connect", () => onstate("connected", socket.io.engine.transport.name));
    socket.on("disconnect", (reason) => this._lost(reason));
    socket.on("connect_error", (error) => this._failed(error));
    socket.onAny((event, ...args) => {
      const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
      onheard(event, args, answer);
    });
  }

  /** The ack, and how long it took; `error` when none came. */
  async emit(event, args) {
    const began = performance.now();
    return new Promise((done) => {
      this._socket.timeout(ACK_WITHIN_MS).emit(event, ...args, (error, ...acks) => {
        done({ error, ack: acks.length > 1 ? acks : acks[0], ms: performance.now() - began });
      });
    });
  }

  close() {
    this._onstate = () => {};
    this._socket.disconnect();
  }

  _lost(reason) {
    if (this._socket.active) this._onstate("reconnecting", reason);
    else this._onstate("offline", reason);
  }

  _failed(error) {
    if (this._socket.active) this._onstate("reconnecting", error.message);
    else this._onstate("refused", error.data?.code ? `${error.data.code}: ${error.message}` : error.message);
  }
}
