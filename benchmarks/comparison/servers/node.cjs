// socket.io for Node, without anything around it: node node.cjs, with PORT, TOKEN_SECRET and DATABASE in the
// environment; `node node.cjs --versions` says what it is made of.
// Its clients show the project's tokens, and are looked up in the project's database.
const { createDecipheriv, hkdfSync } = require('node:crypto');
const { createServer } = require('node:http');
const { createRequire } = require('node:module');
const installed = createRequire(`${process.env.NODE_MODULES}/`);
const { Server } = installed('socket.io');

// The fastest there is: better-sqlite3 wants a compiler, node:sqlite a newer Node; libsql is better-sqlite3's twin.
const SQLITE = [
  ['better-sqlite3', () => installed('better-sqlite3')],
  ['node:sqlite', () => require('node:sqlite').DatabaseSync],
  ['libsql', () => installed('libsql')],
];

function openDatabase(file) {
  for (const [name, load] of SQLITE) {
    try {
      return [name, new (load())(file)];
    } catch (error) {
      if (error.code === 'SQLITE_CANTOPEN') throw error;
    }
  }
  throw new Error('no SQLite for Node: npm install libsql');
}

const [sqlite, database] = openDatabase(process.env.DATABASE);

function versions() {
  const packages = ['socket.io', 'engine.io', 'ws', ...(sqlite.startsWith('node:') ? [] : [sqlite])];
  const folder = `${process.env.NODE_MODULES}/node_modules`;
  const found = packages.map((name) => `${name} ${require(`${folder}/${name}/package.json`).version}`);
  return [`Node ${process.versions.node}`, ...found].join(', ');
}

if (process.argv[2] === '--versions') {
  console.log(versions());
  process.exit();
}

const userWithId = database.prepare('SELECT id, name, email FROM users WHERE id = ? AND is_disabled = 0');

const HEADER = 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0';
const key = Buffer.from(hkdfSync('sha256', process.env.TOKEN_SECRET, '', 'app.core.tokens dir A256GCM', 32));

// RFC 7516, compact serialization, with the one algorithm there is; throws for anything else.
function claimsOf(token) {
  const [header, , nonce, sealed, tag] = token.split('.');
  if (header !== HEADER) throw new Error('not a token of this server');
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(header));
  decipher.setAuthTag(Buffer.from(tag, 'base64url'));
  const opened = decipher.update(sealed, 'base64url', 'utf8') + decipher.final('utf8');
  const claims = JSON.parse(opened);
  if (claims.exp <= Date.now() / 1000) throw new Error('expired');
  return claims;
}

const http = createServer((request, response) => response.writeHead(404).end());
const io = new Server(http);
const bench = io.of('/bench');
const clients = new Map();

bench.use((client, next) => {
  try {
    client.data.user = userWithId.get(claimsOf(client.handshake.auth.token).sub);
  } catch {
    client.data.user = undefined;
  }
  next(client.data.user ? undefined : new Error('Unauthorized'));
});

bench.on('connection', (client) => {
  const { user } = client.data;
  clients.set(user.id, client);
  client.on('echo', (data, ack) => ack({ ok: true, data }));
  client.on('bcast', (data) => bench.emit('msg', data));
  client.on('sendTo', (id, data) => clients.get(id)?.emit('msg', data));
  client.on('sayStuff', (text) => {
    client.broadcast.emit('sayingStuff', { message: `User ${user.name} says: ${text}` });
    client.emit('sayingStuff', { message: `You said: ${text} ...` });
  });
  client.on('disconnect', () => clients.delete(user.id));
});

http.listen({ port: process.env.PORT, host: '127.0.0.1', backlog: 2048 });
