#!/usr/bin/env bash
# An event of Slack whose listener fails, and one that no listener is for, at Slack's own Bolt for JavaScript and Python.
#
# Guess: a listener that throws is answered 500, so that Slack sends the event again, as it does three times; an event
#        that the app does not listen to is answered 200; and both frameworks do the same.
# Seen:  both answer 200 where the listener throws: an event is acknowledged ahead of its listener, so that it is lost, with
#        a line in the log. One without a listener is 200 with JavaScript, and 404 with Python, which for Slack is a
#        failure: it sends each three times more, and switches off the events of an app when most of them fail. With
#        `processBeforeResponse` (`process_before_response`) a listener that throws is 500 in both; the other stays.
# Versions: @slack/bolt 5.1.0 (npm), slack_bolt 1.30.0, slack_sdk 3.48.0 (PyPI), Node.js 20, Python 3.
# Source: https://github.com/slackapi/bolt-python/issues/1061 (open); https://docs.slack.dev/apis/events-api, "Retries".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @slack/bolt@5.1.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'slack_bolt==1.30.0' 'slack_sdk==3.48.0'

cat > run.mjs <<'NODE'
import crypto from 'node:crypto';

import bolt from '@slack/bolt';

const ids = { token: 'xoxb-0', tokenVerificationEnabled: false, botId: 'B0', botUserId: 'U0' };
const answers = {};
for (const processBeforeResponse of [false, true]) {
  const app = new bolt.App({ signingSecret: 'secret', ...ids, processBeforeResponse, logLevel: 'error' });
  app.event('app_mention', async () => {});
  app.event('reaction_added', async () => {
    throw new Error('database is down');
  });
  const server = await app.start({ port: 0, host: '127.0.0.1' });
  for (const type of ['app_mention', 'reaction_added', 'team_join']) {
    const event = { type, user: 'U1', item: { type: 'message', channel: 'C1', ts: '1.1' }, event_ts: '1.1' };
    const body = JSON.stringify({ type: 'event_callback', team_id: 'T1', api_app_id: 'A1', event_id: 'Ev1', event });
    const time = String(Math.floor(Date.now() / 1000));
    const mac = crypto.createHmac('sha256', 'secret').update(`v0:${time}:${body}`).digest('hex');
    const response = await fetch(`http://127.0.0.1:${server.address().port}/slack/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-slack-request-timestamp': time, 'x-slack-signature': `v0=${mac}` },
      body,
    });
    answers[`${type}${processBeforeResponse ? ', processed first' : ''}`] = response.status;
  }
  await app.stop();
}
console.log(JSON.stringify(answers));
NODE
cat > run.py <<'PYTHON'
import hashlib
import hmac
import json
import logging
import subprocess
import sys
import time

from slack_bolt import App, BoltRequest
from slack_bolt.authorization import AuthorizeResult

logging.disable()
answers = {}
for first in (False, True):
    ids = AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-0", bot_id="B0", bot_user_id="U0")
    app = App(signing_secret="secret", authorize=lambda **_: ids, process_before_response=first)

    @app.event("app_mention")
    def succeeds(event):
        pass

    @app.event("reaction_added")
    def fails(event):
        raise RuntimeError("database is down")

    for kind in ("app_mention", "reaction_added", "team_join"):
        event = {"type": kind, "user": "U1", "item": {"type": "message", "channel": "C1", "ts": "1.1"}, "event_ts": "1.1"}
        body = {"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": "Ev1", "event": event}
        body, now = json.dumps(body), str(int(time.time()))
        mac = hmac.new(b"secret", f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-slack-request-timestamp": now, "x-slack-signature": f"v0={mac}"}
        response = app.dispatch(BoltRequest(body=body, headers=headers))
        answers[kind + (", processed first" if first else "")] = response.status

npm = json.loads(subprocess.check_output(["node", "run.mjs"], stderr=subprocess.DEVNULL))
for kind, status in answers.items():
    print(f"{kind}: npm {npm[kind]}, PyPI {status}")
changed = list(npm.values()) != [200, 200, 200, 200, 500, 200]
sys.exit(changed or list(answers.values()) != [200, 200, 404, 200, 500, 404])
PYTHON
venv/bin/python run.py
