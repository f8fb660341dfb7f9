#!/usr/bin/env bash
# Claiming an event with `SET id 1 NX`, when the connection breaks before the answer.
#
# Guess: the caller sees a connection error, since the client can't know whether the command was carried
#        out; so the delivery is answered 5xx and comes again.
# Seen:  redis-py and ioredis connect again and resend the command by default. The first one had won the
#        claim, so the second finds its own key, and the caller is told "taken": the only delivery of the
#        event is dropped as a duplicate. node-redis, valkey-py and redis-py 5 raise.
#        A claim must hold a value of its own and be read back, or not be resent.
# Versions: redis 8.1.0 and 5.3.1, valkey 6.2.0 (PyPI), ioredis 6.0.0, redis 6.3.1 (npm), Node.js 20.
# Source: https://github.com/redis/go-redis/issues/2985 (the same, in Go); ioredis' option
#         `autoResendUnfulfilledCommands`; redis-py's `retry`, three by default since 6.0.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" || true; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts ioredis@6.0.0 redis@6.3.1
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'redis==8.1.0' 'valkey==6.2.0'
venv/bin/pip install -q --disable-pip-version-check --target before 'redis==5.3.1'

# Speaks just enough of the protocol; carries out each SET … NX, and breaks the first connection that sent one.
cat > server.mjs <<'NODE'
import net from 'node:net';

const keys = new Set();
let isBroken = false;

function command(buffer) {
  const lines = buffer.split('\r\n');
  const count = Number(lines[0].slice(1));
  if (buffer[0] !== '*' || lines.length < 2 * count + 2) return undefined;
  const used = lines.slice(0, 2 * count + 1).reduce((sum, line) => sum + line.length + 2, 0);
  return { words: lines.slice(1, 2 * count + 1).filter((_, index) => index % 2 === 1), used };
}

const server = net.createServer((socket) => {
  let buffer = '';
  let none = '$-1\r\n';
  socket.on('error', () => {});
  socket.on('data', (data) => {
    buffer += data;
    for (let next = command(buffer); next; next = command(buffer)) {
      buffer = buffer.slice(next.used);
      const [name, first] = next.words;
      switch (name.toUpperCase()) {
        case 'SET': {
          const isTaken = keys.has(first);
          keys.add(first);
          if (!isBroken) {
            isBroken = true;
            socket.destroy();
            return;
          }
          socket.write(isTaken ? none : '+OK\r\n');
          break;
        }
        case 'HELLO':
          if (first === '3') none = '_\r\n';
          socket.write(first === '3' ? '%1\r\n+proto\r\n:3\r\n' : '*2\r\n+proto\r\n:2\r\n');
          break;
        case 'INFO':
          socket.write('$20\r\nredis_version:7.0.15\r\n');
          break;
        default:
          socket.write('+OK\r\n');
      }
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
NODE

cat > claim.py <<'PYTHON'
import sys

library = __import__(sys.argv[1])
client = getattr(library, {"redis": "Redis", "valkey": "Valkey"}[sys.argv[1]])(port=int(sys.argv[2]))
try:
    print("won" if client.set("evt_1", "1", nx=True, px=60_000) else "taken")
except library.exceptions.ConnectionError:
    print("connection error")
PYTHON
cat > ioredis.mjs <<'NODE'
import Redis from 'ioredis';

const client = new Redis({ port: Number(process.argv[2]) });
client.on('error', () => {});
await client.set('evt_1', '1', 'PX', 60_000, 'NX').then(
  (answer) => console.log(answer ? 'won' : 'taken'),
  () => console.log('connection error'),
);
client.disconnect();
NODE
cat > node-redis.mjs <<'NODE'
import { createClient } from 'redis';

const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
client.on('error', () => {});
await client.connect();
await client.set('evt_1', '1', { expiration: { type: 'PX', value: 60_000 }, condition: 'NX' }).then(
  (answer) => console.log(answer ? 'won' : 'taken'),
  () => console.log('connection error'),
);
process.exit(0); // it goes on connecting otherwise
NODE

changed=0
# The client's name, what it is expected to say, and the command, to which the port is added.
see() {
    local name=$1 expected=$2 port answer
    shift 2
    : > port
    node server.mjs > port &
    server=$!
    until test -s port; do kill -0 "$server"; sleep 0.1; done
    port=$(cat port)
    answer=$("$@" "$port")
    kill "$server"
    wait "$server" 2>/dev/null || true
    server=
    echo "$name: $answer"
    test "$answer" = "$expected" || changed=1
}

see 'redis-py 8.1.0' 'taken' venv/bin/python claim.py redis
see 'ioredis 6.0.0' 'taken' node ioredis.mjs
see 'redis-py 5.3.1' 'connection error' env PYTHONPATH=before venv/bin/python claim.py redis
see 'valkey-py 6.2.0' 'connection error' venv/bin/python claim.py valkey
see 'node-redis 6.3.1' 'connection error' node node-redis.mjs
exit "$changed"
