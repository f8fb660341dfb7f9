#!/usr/bin/env bash
# Claiming an event by inserting its id, "on conflict do nothing", and going by what the library hands back.
#
# Guess: that tells the delivery which inserted the row from the one that was passed over, as the server does (INSERT 0 1
#        and INSERT 0 0): by an id that is there or not, by a list that is empty, or by a count.
# Seen:  it is the same for both, and each delivery is run. TypeORM's `identifiers` and SQLAlchemy's `inserted_primary_key`
#        have the id that was asked for, and SQLAlchemy's `rowcount` is -1 twice, which is true. Sequelize's `bulkCreate`
#        returns a row for both, even with `returning`. peewee's `execute()` on SQLite returns the last insert's rowid,
#        whose ever it was. RETURNING, where it can be had, and node-postgres' `rowCount` tell them apart.
# Versions: typeorm 1.1.1, reflect-metadata 0.2.2, sequelize 6.37.8, pg 8.23.1, pg-hstore 2.3.4 (npm), SQLAlchemy 2.1.9,
#           psycopg 3.3.9, peewee 4.5.3 (PyPI), PostgreSQL 15.18 (Debian 12), Node.js 20, Python 3.
# Source: PostgreSQL's documentation of INSERT, "Outputs".
set -euo pipefail

folder=$(mktemp -d)
database=
trap 'test -z "$database" || { kill -INT "$database" && wait "$database"; } || true; rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps typeorm@1.1.1 reflect-metadata@0.2.2 \
    sequelize@6.37.8 pg-hstore@2.3.4 pg@8.23.1
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'SQLAlchemy==2.1.9' 'psycopg[binary]==3.3.9' 'peewee==4.5.3'
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

cat > claim.mjs <<'NODE'
import 'reflect-metadata';
import pg from 'pg';
import { DataTypes, Sequelize } from 'sequelize';
import { DataSource, EntitySchema } from 'typeorm';

const at = { host: '127.0.0.1', port: Number(process.argv[2]), user: 'postgres', database: 'postgres' };
const client = new pg.Client(at);
await client.connect();
await client.query('CREATE TABLE events (id text PRIMARY KEY)');
const Event = new EntitySchema({ name: 'Event', tableName: 'events', columns: { id: { type: 'text', primary: true } } });
const source = await new DataSource({ ...at, type: 'postgres', username: at.user, entities: [Event] }).initialize();
const sequelize = new Sequelize({ ...at, username: at.user, dialect: 'postgres', logging: false });
const Model = sequelize.define('Event', { id: { type: DataTypes.TEXT, primaryKey: true } }, { tableName: 'events', timestamps: false });

const insert = (id) => source.createQueryBuilder().insert().into('Event').values({ id }).orIgnore();
const claims = {
  'pg, rowCount': async (id) => (await client.query('INSERT INTO events VALUES ($1) ON CONFLICT DO NOTHING', [id])).rowCount,
  'TypeORM, identifiers': async (id) => (await insert(id).execute()).identifiers.length,
  'TypeORM, raw of returning': async (id) => (await insert(id).returning('id').execute()).raw.length,
  'Sequelize, bulkCreate': async (id) => (await Model.bulkCreate([{ id }], { ignoreDuplicates: true })).length,
  'Sequelize, with returning': async (id) => (await Model.bulkCreate([{ id }], { ignoreDuplicates: true, returning: true })).length,
};
const right = ['pg, rowCount', 'TypeORM, raw of returning'];
let isChanged = false;
for (const [name, claim] of Object.entries(claims)) {
  const told = [await claim(name), await claim(name)];
  console.log(`${name}:`, ...told);
  isChanged ||= told.join() !== (right.includes(name) ? '1,0' : '1,1');
}
process.exit(isChanged ? 1 : 0);
NODE
cat > claim.py <<'PYTHON'
import sys

import peewee
from sqlalchemy import Column, MetaData, Table, Text, create_engine
from sqlalchemy.dialects.postgresql import insert

engine = create_engine(f"postgresql+psycopg://postgres@127.0.0.1:{sys.argv[1]}/postgres")
events = Table("events", MetaData(), Column("id", Text, primary_key=True))


def claimed(name, tell, returning=False):
    statement = insert(events).values(id=name).on_conflict_do_nothing()
    with engine.begin() as connection:
        return tell(connection.execute(statement.returning(events.c.id) if returning else statement))


class Event(peewee.Model):
    key = peewee.TextField(unique=True)

    class Meta:
        database = peewee.SqliteDatabase("events.sqlite")


Event.create_table()
told = {
    "SQLAlchemy, inserted_primary_key": [claimed("a", lambda result: tuple(result.inserted_primary_key)) for _ in range(2)],
    "SQLAlchemy, rowcount": [claimed("b", lambda result: result.rowcount) for _ in range(2)],
    "SQLAlchemy, returning": [claimed("c", lambda result: result.scalar(), True) for _ in range(2)],
    "peewee, evt_1, evt_2, evt_1": [Event.insert(key=f"evt_{n}").on_conflict_ignore().execute() for n in (1, 2, 1)],
}
for name, answers in told.items():
    print(f"{name}:", *answers)
sys.exit(0 if list(told.values()) == [[("a",)] * 2, [-1, -1], ["c", None], [1, 2, 2]] else 1)
PYTHON
node claim.mjs "$port"
venv/bin/python claim.py "$port"
