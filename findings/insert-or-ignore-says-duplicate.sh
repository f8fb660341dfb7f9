#!/usr/bin/env bash
# Claiming an event in SQLite by `INSERT OR IGNORE`, where no row inserted means "a duplicate".
#
# Guess: what is ignored is the key that is there already; a row that lacks a NOT NULL column, or breaks a CHECK, is an
#        error as ever, so that a delivery which could not be read is answered 5xx.
# Seen:  every constraint is ignored: such a row is skipped with no error and `changes()` is 0, as for a duplicate. The
#        event is acknowledged and is nowhere. `ON CONFLICT (id) DO NOTHING` ignores the key alone.
# Versions: apsw 3.54.1.0 (PyPI, brings SQLite 3.54.1), Python 3.
# Source: https://www.sqlite.org/lang_conflict.html, "IGNORE".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'apsw==3.54.1.0'

venv/bin/python - <<'PYTHON'
import sys

import apsw

TABLE = "CREATE TABLE events (id TEXT PRIMARY KEY, type TEXT NOT NULL, amount INTEGER CHECK (amount >= 0))"
ROWS = {
    "new": ("evt_1", "paid", 1),
    "again": ("evt_1", "paid", 1),
    "no type": ("evt_2", None, 1),
    "amount below zero": ("evt_3", "refunded", -1),
}
CLAIMS = {
    "INSERT OR IGNORE INTO events VALUES (?, ?, ?)": ["claimed", "duplicate", "duplicate", "duplicate"],
    "INSERT INTO events VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING": ["claimed", "duplicate", "error", "error"],
}
changed = False
for claim, expected in CLAIMS.items():
    database = apsw.Connection(":memory:")
    database.execute(TABLE)
    seen = []
    for row in ROWS.values():
        before = database.total_changes()
        try:
            database.execute(claim, row)
            seen.append("claimed" if database.total_changes() > before else "duplicate")
        except apsw.ConstraintError:
            seen.append("error")
    print(claim, dict(zip(ROWS, seen)))
    changed = changed or seen != expected
sys.exit(1 if changed else 0)
PYTHON
