#!/usr/bin/env bash
# Claiming an event for a second by `add(id, worker, timeout=1)`, by a worker that dies, with cachelib and Flask-Caching.
#
# Guess: `add` is memcached's: False while somebody holds the key, and True once that has expired, as `get` and `has` say
#        then that nothing is there.
# Seen:  so it is in memory. On disk (`FileSystemCache`, and Flask-Caching's, which is built on it) `add` asks whether there
#        is a file: `get` is None, `has` is False, and `add` stays False. The event of the worker that died is never
#        claimed again: nothing but `set`, `delete` and a cleanup, which takes more than 500 keys, does away with the file.
# Versions: cachelib 0.17.0, Flask 3.1.3, Flask-Caching 2.5.1 (PyPI), Python 3.
# Source: https://github.com/pallets-eco/cachelib/pull/449 mended it for the memory.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'cachelib==0.17.0' 'Flask==3.1.3' 'Flask-Caching==2.5.1'

venv/bin/python - <<'PYTHON'
import sys
import time

from cachelib import FileSystemCache, SimpleCache
from flask import Flask
from flask_caching import Cache

flask = Cache(Flask("app"), config={"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": "flask"})
caches = {
    "SimpleCache": (SimpleCache(), True),
    "FileSystemCache": (FileSystemCache("files"), False),
    "Flask-Caching's FileSystemCache": (flask.cache, False),
}
changed = False
for cache, _ in caches.values():
    changed |= [cache.add("evt_1", "first", timeout=1), cache.add("evt_1", "second", timeout=1)] != [True, False]
time.sleep(2.5)
for name, (cache, expected) in caches.items():
    value, has, claimed = cache.get("evt_1"), cache.has("evt_1"), cache.add("evt_1", "second", timeout=60)
    print(f"{name}, after the time: get {value}, has {has}, add {claimed}")
    changed |= (value, has, claimed) != (None, False, expected)
sys.exit(changed)
PYTHON
