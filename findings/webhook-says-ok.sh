#!/usr/bin/env bash
# A delivery without its signature, one with a wrong one, and one whose command fails, at Debian's `webhook`.
#
# Guess: what is refused is answered 4xx, and what failed 5xx, so that the sender shows it and tries again.
# Seen:  without the header, or with a wrong token, it is 200 ("Hook rules were not satisfied."); with a signature that
#        is there and wrong it is 500; a command that fails is 200, as it is answered before it has run. The
#        sender takes the first and the last for delivered. `trigger-rule-mismatch-http-response-code` and
#        `include-command-output-in-response` mend them, hook by hook.
# Versions: webhook 2.8.0-4+b6 (Debian 12), @octokit/webhooks-methods 6.0.0 (npm), Node.js 20, Python 3.
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
npm install --silent --no-audit --no-fund --ignore-scripts @octokit/webhooks-methods@6.0.0
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

cat > send.mjs <<'NODE'
import { sign } from '@octokit/webhooks-methods';

const BODY = '{"id":"evt_1"}';

async function send(hook, headers) {
  const url = `http://127.0.0.1:${process.argv[2]}/hooks/${hook}`;
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: BODY });
  return answer.status;
}

for (let tries = 0; ; tries += 1) {
  try {
    await send('none', {});
    break;
  } catch (error) {
    if (error.cause?.code !== 'ECONNREFUSED' || tries === 100) throw error;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}
let changed = false;
for (const [what, hook, headers, expected] of [
  ['right signature', 'signed', { 'x-hub-signature-256': await sign('secret', BODY) }, 200],
  ['wrong signature', 'signed', { 'x-hub-signature-256': await sign('other', BODY) }, 500],
  ['no signature', 'signed', {}, 200],
  ['wrong token', 'token', { 'x-gitlab-token': 'other' }, 200],
  ['its command fails', 'fails', {}, 200],
]) {
  const status = await send(hook, headers);
  console.log(`${what}: ${status}`);
  changed ||= status !== expected;
}
process.exit(changed ? 1 : 0);
NODE
node send.mjs "$port"
