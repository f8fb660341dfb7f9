#!/usr/bin/env bash
# A CloudEvent in binary mode whose subject has a blank and an accent, from one official SDK to the other.
#
# Guess: both SDKs write such an attribute into its header as the HTTP binding demands, percent-encoded, and decode it;
#        what the one has sent the other reads as it was.
# Seen:  only PyPI's new interface does. npm's `toEvent` and PyPI's old interface hand out `caf%C3%A9%20%22x%22`, so that
#        a key made of source and subject differs between two receivers of one event. The other way about, npm
#        writes the bare text, and a `%41` in a subject arrives at PyPI as `A`.
# Versions: cloudevents 10.0.0 (npm), cloudevents 2.2.0 (PyPI), Node.js 20, Python 3.
# Source: CloudEvents 1.0.2, HTTP protocol binding, section 3.1.3.2.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts cloudevents@10.0.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'cloudevents==2.2.0'

cat > run.mjs <<'NODE'
import cloudevents from 'cloudevents';

const { CloudEvent, HTTP } = cloudevents;
const { read, write } = JSON.parse(process.argv[2]);
const subjects = read.map((headers) => HTTP.toEvent({ headers, body: '{}' }).subject);
const headers = write.map((subject) => (
  HTTP.binary(new CloudEvent({ id: '1', source: '/s', type: 't', subject, data: {} })).headers['ce-subject']
));
console.log(JSON.stringify({ subjects, headers }));
NODE
cat > run.py <<'PYTHON'
import json
import subprocess
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import from_http

SUBJECTS = ['café "x"', "100%41"]
ATTRIBUTES = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0"}
HEADERS = {"content-type": "application/json"} | {f"ce-{name}": text for name, text in ATTRIBUTES.items()}

sent = [to_binary_event(CloudEvent(ATTRIBUTES | {"subject": subject}, {})).headers for subject in SUBJECTS]
asked = {"read": [dict(headers) for headers in sent], "write": SUBJECTS}
npm = json.loads(subprocess.check_output(["node", "run.mjs", json.dumps(asked)], text=True))
new = [from_http_event(HTTPMessage(dict(headers), b"{}")).get_subject() for headers in sent]
old = [from_http(dict(headers), b"{}")["subject"] for headers in sent]
of_npm = [
    from_http_event(HTTPMessage(HEADERS | {"ce-subject": text}, b"{}")).get_subject() for text in npm["headers"]
]

encoded = [headers["ce-subject"] for headers in sent]
print("PyPI sends:", encoded)
print("PyPI, new interface, reads:", new)
print("PyPI, old interface, reads:", old)
print("npm reads:", npm["subjects"])
print("npm sends:", npm["headers"], "which PyPI's new interface reads as", of_npm)
changed = encoded != ["caf%C3%A9%20%22x%22", "100%2541"] or new != SUBJECTS
changed = changed or old != encoded or npm["subjects"] != encoded or npm["headers"] != SUBJECTS
sys.exit(1 if changed or of_npm != ['café "x"', "100A"] else 0)
PYTHON
venv/bin/python run.py
