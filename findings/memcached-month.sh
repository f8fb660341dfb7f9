#!/usr/bin/env bash
# Remembering events for 31 days in memcached.
#
# Guess: `add(key, value, expire=31 * 86400)` keeps the key for 31 days, as 30 * 86400 keeps it for 30; and
#        `add` says False when somebody else came first.
# Seen:  a number over thirty days is read as a moment since 1970, which has passed: the server answers STORED
#        and keeps nothing, so a longer memory is none, and each redelivery is new. In pymemcache `add`
#        moreover waits for no answer by default and returns True to the second as well as to the first.
# Versions: memcached 1.6.18-1+deb12u1 (Debian 12), pymemcache 4.0.0 (PyPI), Python 3.
# Source: memcached's protocol.txt, "Expiration times"; pymemcache's argument `default_noreply`.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'pymemcache==4.0.0'
apt-get download -q -o APT::Sandbox::User=root memcached=1.6.18-1+deb12u1 > /dev/null
dpkg -x memcached_*.deb .

./usr/bin/memcached -u "$(id -un)" -s "$folder/socket" &
server=$!
until test -S socket; do kill -0 "$server"; sleep 0.1; done

venv/bin/python - <<'PYTHON'
import sys

from pymemcache.client.base import Client

DAY = 86_400
client = Client("unix:socket")
changed = False


def seen(what, result, expected):
    global changed
    print(f"{what}: {result}")
    changed = changed or result != expected


for days, expected in ((30, [True, False]), (31, [True, True])):
    claims = [client.add(f"evt_{days}", "1", expire=days * DAY, noreply=False) for _ in range(2)]
    seen(f"claimed twice for {days} days", claims, expected)
seen("claimed twice, defaults", [client.add("evt_1", "1") for _ in range(2)], [True, True])
sys.exit(1 if changed else 0)
PYTHON
