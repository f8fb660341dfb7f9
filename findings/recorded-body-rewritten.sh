#!/usr/bin/env bash
# Sending a recorded delivery again by a snippet that httpsnippet makes of its HAR entry.
#
# Guess: each target's snippet sends the bytes of `postData.text`, which is what was recorded, so that the signature of
#        the recording is good for them; or all write the JSON anew.
# Seen:  it depends on the target. Shell, Go and Ruby send the recorded text. Python's requests, PHP's curl and Node.js'
#        fetch write it anew: other blanks and numbers, and an id above 2^53 is another id. The same recording
#        passes the sender's check from one snippet and is refused as forged from the next.
# Versions: httpsnippet 3.0.10 (npm), Node.js 20.
# Source: HAR 1.2, `postData.text` is "plain text posted data"; https://github.com/Kong/httpsnippet.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts httpsnippet@3.0.10

cat > run.cjs <<'NODE'
const { HTTPSnippet } = require('httpsnippet');

const TEXT = '{"id": 9007199254740993, "amount": 10.00}';
const har = {
  method: 'POST',
  url: 'http://127.0.0.1/hooks',
  httpVersion: 'HTTP/1.1',
  cookies: [],
  queryString: [],
  headers: [{ name: 'content-type', value: 'application/json' }, { name: 'x-signature', value: 'sha256=00' }],
  postData: { mimeType: 'application/json', text: TEXT },
  headersSize: -1,
  bodySize: TEXT.length,
};
const plain = (snippet) => snippet.replaceAll('\\"', '"');

let changed = false;
for (const [target, client, keeps] of [
  ['shell', 'curl', true],
  ['go', 'native', true],
  ['ruby', 'native', true],
  ['python', 'requests', false],
  ['php', 'curl', false],
  ['node', 'fetch', false],
]) {
  const snippet = plain(new HTTPSnippet(har).convert(target, client));
  const hasText = snippet.includes(TEXT);
  const id = /\d{16}/.exec(snippet)[0];
  console.log(`${target}, ${client}: the recorded text ${hasText ? 'stands in it' : 'does not'}, the id is ${id}`);
  changed ||= hasText !== keeps || (id === '9007199254740993') !== keeps;
}
process.exitCode = changed ? 1 : 0;
NODE
node run.cjs
