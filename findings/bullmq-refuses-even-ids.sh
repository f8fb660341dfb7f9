#!/usr/bin/env bash
# Using the event's id as the job's id in BullMQ, where ids are numbers of many digits or have a colon in them.
#
# Guess: an id is a text, and any text is taken; if numbers or colons are forbidden, all of them are.
# Seen:  a number is refused where it is the same once JavaScript has read and written it. Up to 2^53 that is each number;
#        just beyond it the even ones (9007199254740992 raises, …993 is queued), and at 2^60 one of a hundred. An id with
#        one colon or with three is refused, and one with two is taken. So a receiver answers 500 to some events and
#        to each of their retries, and a test with another number is green. A letter in front of a number mends it.
# Versions: bullmq 6.7.0, ioredis 6.0.0 (npm), Redis 7.0.15 (Debian 12), Node.js 20.
# Source: https://docs.bullmq.io/guide/jobs/job-ids forbids ids of digits and colons; which of them pass is in no word of
#         it. https://github.com/taskforcesh/bullmq/issues/4052 (closed by that document).
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } || true; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts bullmq@6.7.0 ioredis@6.0.0
if ! command -v redis-server > /dev/null; then
    apt-get install -y -q redis-server=5:7.0.15-1~deb12u10 > /dev/null
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no > redis.log &
server=$!
until redis-cli -p "$port" ping > /dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done

cat > run.mjs <<'NODE'
import { Queue } from 'bullmq';

const queue = new Queue('events', { connection: { host: '127.0.0.1', port: Number(process.argv[2]) } });

async function seen(jobId) {
  try {
    return (await queue.add('handle', {}, { jobId })).id === jobId ? 'queued' : 'queued under another id';
  } catch (error) {
    return `refused (${error.message})`;
  }
}

let changed = false;
for (const [id, expected] of [
  ['1234567890', 'refused'],
  ['9007199254740991', 'refused'],
  ['9007199254740992', 'refused'],
  ['9007199254740993', 'queued'],
  ['9007199254740994', 'refused'],
  ['9007199254740995', 'queued'],
  ['820982911946154500', 'refused'],
  ['820982911946154508', 'queued'],
  ['shop:1', 'refused'],
  ['shop:order:1', 'queued'],
  ['shop:order:1:paid', 'refused'],
  ['n1234567890', 'queued'],
]) {
  const answer = await seen(id);
  console.log(`${id}: ${answer}`);
  changed ||= answer.split(' ')[0] !== expected;
}
// Of a hundred ids in a row, from 2^53 and from 2^60 on.
for (const [from, expected] of [[2n ** 53n, 50], [2n ** 60n, 1]]) {
  let refused = 0;
  for (let id = from + 1n; id <= from + 100n; id += 1n) refused += (await seen(`${id}`)).startsWith('refused') ? 1 : 0;
  console.log(`of the hundred ids behind ${from} it refuses ${refused}`);
  changed ||= refused !== expected;
}
await queue.close();
process.exitCode = changed ? 1 : 0;
NODE
node run.mjs "$port"
