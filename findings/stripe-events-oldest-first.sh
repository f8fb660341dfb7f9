#!/usr/bin/env bash
# Catching up with missed events by `events.list({ ending_before })` and auto-paging, with Stripe's two SDKs.
#
# Guess: the events come newest first, as every list of Stripe's API does and as each page of this one is; code that
#        takes the first of one object as its newest state is right, with paging as without.
# Seen:  the pages are walked backwards and each is turned round: with auto-paging the same list is oldest first, in both
#        SDKs, while one page of it (`data`) is newest first. Code that was right over one page
#        takes the oldest state for the newest as soon as it pages by itself.
# Versions: stripe 23.1.0 (npm), stripe 16.1.0 (PyPI), Node.js 20, Python 3; against a list that is served here.
# Source: https://docs.stripe.com/api/pagination, `ending_before`, and https://docs.stripe.com/api/events/list
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts stripe@23.1.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'stripe==16.1.0'

cat > run.mjs <<'NODE'
import Stripe from 'stripe';

const stripe = new Stripe('sk_test_none', { host: '127.0.0.1', port: process.argv[2], protocol: 'http', telemetry: false });
const list = stripe.events.list({ ending_before: 'evt_1', limit: 3 });
const page = (await list).data.map((event) => event.id);
const all = [];
for await (const event of list) all.push(event.id);
console.log(JSON.stringify([page, all]));
NODE
cat > run.py <<'PYTHON'
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import stripe

EVENTS = [{"id": f"evt_{number}", "object": "event"} for number in range(7, 0, -1)]


class Events(BaseHTTPRequestHandler):
    """Newest first, `limit` of those that stand before the one that is named."""

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        names = [event["id"] for event in EVENTS]
        before = EVENTS[: names.index(query["ending_before"][0])]
        limit = int(query["limit"][0])
        page = {"object": "list", "url": "/v1/events", "has_more": len(before) > limit, "data": before[-limit:]}
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Events)
threading.Thread(target=server.serve_forever, daemon=True).start()
stripe.api_key = "sk_test_none"
stripe.api_base = f"http://127.0.0.1:{server.server_port}"
stripe.enable_telemetry = False
listed = stripe.Event.list(ending_before="evt_1", limit=3)
pypi = [[event.id for event in listed.data], [event.id for event in listed.auto_paging_iter()]]
npm = json.loads(subprocess.check_output(["node", "run.mjs", str(server.server_port)], text=True))
expected = [[f"evt_{number}" for number in (4, 3, 2)], [f"evt_{number}" for number in range(2, 8)]]
for name, (page, all_of_them) in (("npm", npm), ("PyPI", pypi)):
    print(f"{name}: one page {page}, auto-paging {all_of_them}")
sys.exit(1 if [npm, pypi] != [expected, expected] else 0)
PYTHON
venv/bin/python run.py
