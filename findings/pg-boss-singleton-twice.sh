#!/usr/bin/env bash
# Queueing a delivery and its retry with `send(queue, event, { singletonKey: event.id })`, with three versions of pg-boss.
#
# Guess: the second `send` is told null and queues nothing, while the first job waits.
# Seen:  so it is with 9. Since 10 the key by itself does nothing: both calls get an id, and the event is handled twice; no
#        error and no warning tells of it. The key counts only beside `singletonSeconds`, or in a queue whose policy
#        says so: `short`, but not the one that is called `singleton`, which has to do with running ones alone.
# Versions: pg-boss 9.0.3, 10.4.2 and 12.38.0 (npm; the last one is made for Node.js 22), PostgreSQL 15.18 (Debian 12),
#           Node.js 20.
# Source: https://github.com/timgit/pg-boss/pull/425, which brought policies in; the policy that does not do what it is
#         called was met in https://github.com/akash-network/console/pull/3892.
# The server does not run as root.
set -euo pipefail

folder=$(mktemp -d)
database=
trap 'test -z "$database" || { kill "$database" && wait "$database"; } || true; rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts nine@npm:pg-boss@9.0.3 ten@npm:pg-boss@10.4.2 \
    twelve@npm:pg-boss@12.38.0
if ! test -x /usr/lib/postgresql/15/bin/postgres; then
    apt-get install -y -q --no-install-recommends postgresql-15=15.18-0+deb12u1 > /dev/null
fi
PATH=/usr/lib/postgresql/15/bin:$PATH

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
const connectionString = `postgres://postgres@127.0.0.1:${process.argv[2]}/postgres`;
const cases = {
  'the key alone': [{}, undefined],
  'singletonSeconds: 3600': [{ singletonSeconds: 3600 }, undefined],
  'policy short': [{}, 'short'],
  'policy singleton': [{}, 'singleton'],
};
const twice = ['the key alone', 'policy singleton'];
let changed = false;
for (const version of ['nine', 'ten', 'twelve']) {
  const module = await import(version);
  const PgBoss = module.PgBoss ?? module.default;
  const boss = new PgBoss({ connectionString, schema: version });
  await boss.start();
  for (const [what, [options, policy]] of Object.entries(cases)) {
    if (version === 'nine' && policy) continue;
    const queue = what.replace(/[^a-zA-Z0-9]+/g, '-');
    if (version !== 'nine') await boss.createQueue(queue, policy ? { policy } : undefined);
    const ids = [];
    for (let delivery = 0; delivery < 2; delivery += 1) {
      ids.push(await boss.send(queue, { id: 'evt_1' }, { singletonKey: 'evt_1', ...options }));
    }
    const seen = ids.filter((id) => id !== null).length;
    console.log(`${version}, ${what}: ${seen} queued`);
    changed ||= seen !== (version !== 'nine' && twice.includes(what) ? 2 : 1);
  }
}
process.exit(changed ? 1 : 0);
NODE
node run.mjs "$port"
