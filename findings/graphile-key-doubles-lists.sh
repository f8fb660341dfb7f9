#!/usr/bin/env bash
# A delivery that is a list of events, as HubSpot's and SendGrid's are, and comes again, under one `jobKey` in
# Graphile Worker: once before its job begins, and once while it runs.
#
# Guess: one key is one job: the second call finds the first one and puts the same list in its place, or does nothing.
# Seen:  before it begins, the two lists are put one behind the other: the job runs once, and has each event twice.
#        While it runs, it loses its key and the second call makes a new job: two workers handle the same events at
#        once, and the first one is marked as tried 25 times, so that it is not tried again when it fails, and its row
#        stays. The default mode and `preserve_run_at` do so alike. A delivery that is an object is not doubled. Only
#        `unsafe_dedupe` keeps one job with one list.
# Versions: graphile-worker 0.17.3, pg 8.23.1 (npm), PostgreSQL 15.18 (Debian 12), Node.js 20.
# Source: https://worker.graphile.org/docs/job-key, which has both, the second among its caveats.
set -euo pipefail

folder=$(mktemp -d)
database=
trap 'test -z "$database" || { kill "$database" && wait "$database"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts graphile-worker@0.17.3 pg@8.23.1
if ! test -x /usr/lib/postgresql/15/bin/postgres; then
    apt-get install -y -q --no-install-recommends postgresql-15=15.18-0+deb12u1 > /dev/null
fi
PATH=/usr/lib/postgresql/15/bin:$PATH

# The server does not run as root.
as=()
if test "$EUID" = 0; then
    chown -R postgres "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${as[@]}" initdb --pgdata data --auth trust --username postgres --no-sync > initdb.log
"${as[@]}" postgres -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= > postgres.log 2>&1 &
database=$!
until pg_isready -q -h 127.0.0.1 -p "$port"; do kill -0 "$database"; sleep 0.2; done

cat > run.mjs <<'NODE'
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';

const connectionString = `postgres://postgres@127.0.0.1:${process.argv[2]}/postgres`;
const settings = { connectionString, logger: new Logger(() => () => {}) };
const queue = await makeWorkerUtils(settings);
await queue.migrate();
const database = new pg.Pool({ connectionString });
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function deliver(jobKeyMode, payload) {
  let atOnce = 0;
  let most = 0;
  let begun;
  let fail;
  const started = new Promise((resolve) => { begun = resolve; });
  const held = new Promise((resolve) => { fail = resolve; });
  const lists = [];
  const handle = async (events) => {
    lists.push([events].flat().map(({ eventId }) => eventId).join(' '));
    most = Math.max(most, (atOnce += 1));
    begun();
    const first = lists.length === 1;
    if (first) await held;
    atOnce -= 1;
    if (first) throw new Error('database is down');
  };
  const add = () => queue.addJob('handle', payload, { jobKey: 'delivery_1', jobKeyMode });
  await add();
  await add();
  const worker = await run({ ...settings, concurrency: 2, pollInterval: 50, noHandleSignals: true, taskList: { handle } });
  await started;
  await add();
  await sleep(1000);
  fail();
  await sleep(500);
  await worker.stop();
  const { rows } = await database.query('SELECT key, attempts FROM graphile_worker.jobs');
  await database.query('DELETE FROM graphile_worker._private_jobs');
  const left = rows.map(({ key, attempts }) => `${key} tried ${attempts} of 25`).join(', ');
  const seen = `had ${lists.join(', then ')}; at most ${most} at once; left: ${left}`;
  console.log(`${jobKeyMode}, ${Array.isArray(payload) ? 'a list' : 'an object'}: ${seen}`);
  return seen;
}

const list = [{ eventId: 1 }, { eventId: 2 }];
const twice = 'at most 2 at once; left: null tried 25 of 25';
const seen = [await deliver('replace', { eventId: 1 })];
for (const mode of ['replace', 'preserve_run_at', 'unsafe_dedupe']) seen.push(await deliver(mode, list));
const doubled = `had 1 2 1 2, then 1 2; ${twice}`;
const once = 'had 1 2; at most 1 at once; left: delivery_1 tried 1 of 25';
const changed = seen.join() !== [`had 1, then 1; ${twice}`, doubled, doubled, once].join();
await queue.release();
await database.end();
process.exit(changed ? 1 : 0);
NODE
node run.mjs "$port"
