#!/usr/bin/env bash
# A delivery without its signature, one with a wrong one, and one whose command fails, at Debian's `webhook`.
#
# Guess: what is refused is answered 4xx, and what failed 5xx, so that the sender shows it and tries again.
# Seen:  without the header, or with a wrong token, it is 200 ("Hook rules were not satisfied."); with a signature that
#        is there and wrong it is 500; a command that fails is 200, as it is answered before it has run. The
#        sender takes the first and the last for delivered. `trigger-rule-mismatch-http-response-code` and
#        `include-command-output-in-response` mend them, hook by hook.
# Versions: webhook 2.8.0 (Debian 12), Python 3.
# Source: https://github.com/adnanh/webhook, docs/Hook-Definition.md
set -euo pipefail

folder=$(mktemp -d)
server=
trap 'test -z "$server" || { kill "$server" && wait "$server"; } 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
# Into this folder, whatever is installed.
apt-get download -q webhook=2.8.0-4+b6 > /dev/null 2>&1
dpkg-deb -x webhook_*.deb .
PATH=$folder/usr/bin:$PATH
webhook -version
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > hooks.json <<'JSON'
[
  {"id": "signed", "execute-command": "/bin/true", "trigger-rule": {"match": {"type": "payload-hmac-sha256",
    "secret": "secret", "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}}},
  {"id": "token", "execute-command": "/bin/true", "trigger-rule": {"match": {"type": "value",
    "value": "secret", "parameter": {"source": "header", "name": "X-Gitlab-Token"}}}},
  {"id": "fails", "execute-command": "/bin/false"}
]
JSON
webhook -hooks hooks.json -ip 127.0.0.1 -port "$port" > /dev/null 2>&1 &
server=$!

cat > send.py <<'PYTHON'
import hashlib
import hmac
import http.client
import sys
import time

BODY = b'{"id":"evt_1"}'
RIGHT = "sha256=" + hmac.new(b"secret", BODY, hashlib.sha256).hexdigest()
WRONG = "sha256=" + hmac.new(b"other", BODY, hashlib.sha256).hexdigest()


def send(hook, headers):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    connection.request("POST", f"/hooks/{hook}", BODY, {"Content-Type": "application/json", **headers})
    return connection.getresponse().status


for _ in range(100):
    try:
        send("none", {})
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
changed = False
for what, hook, headers, expected in (
    ("right signature", "signed", {"X-Hub-Signature-256": RIGHT}, 200),
    ("wrong signature", "signed", {"X-Hub-Signature-256": WRONG}, 500),
    ("no signature", "signed", {}, 200),
    ("wrong token", "token", {"X-Gitlab-Token": "other"}, 200),
    ("its command fails", "fails", {}, 200),
):
    status = send(hook, headers)
    print(f"{what}: {status}")
    changed = changed or status != expected
sys.exit(1 if changed else 0)
PYTHON
python3 send.py "$port"
