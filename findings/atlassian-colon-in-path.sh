#!/usr/bin/env bash
# An event of Jira, at a path that is called as the event is, `/jira:issue_created`, with the two libraries that check the
# token of an Atlassian Connect app.
#
# Guess: both write one canonical form of method, path and query, whose hash is the token's `qsh`: a colon is an ordinary
#        letter of a path, so that what the one has signed the other accepts.
# Seen:  npm's does, for each path below. PyPI's takes the slash off and parses the rest as a URL: what stands before the
#        first colon is a scheme to it, and is dropped. At such a path each true delivery raises "qsh does not match"; with
#        a segment in front, or an underscore before the colon, which no scheme may have, it is accepted.
# Versions: atlassian-jwt 2.0.3 (npm), atlassian-jwt 3.0.0, PyJWT 2.15.1 (PyPI), Node.js 20, Python 3.
# Source: https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/, on the query string hash.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts atlassian-jwt@2.0.3
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'atlassian-jwt==3.0.0' 'PyJWT==2.15.1'

cat > run.cjs <<'NODE'
const { createQueryStringHash, decodeSymmetric, encodeSymmetric, fromMethodAndUrl } = require('atlassian-jwt');

const [secret, ...urls] = process.argv.slice(2);
const now = Math.floor(Date.now() / 1000);
for (const url of urls) {
  const qsh = createQueryStringHash(fromMethodAndUrl('POST', url));
  const token = encodeSymmetric({ iss: 'client', iat: now, exp: now + 180, qsh }, secret);
  const isGood = decodeSymmetric(token, secret, 'HS256').qsh === createQueryStringHash(fromMethodAndUrl('POST', url));
  console.log(`${isGood ? 'accepted' : 'refused'} ${token}`);
}
NODE
cat > run.py <<'PYTHON'
import subprocess
import sys

from atlassian_jwt import Authenticator, DecodeError

SECRET = "secret-of-the-installation-0123456789"


class Tenants(Authenticator):
    def get_shared_secret(self, client_key):
        return SECRET


def pypi(url, token):
    try:
        Tenants().authenticate("POST", url, {"Authorization": f"JWT {token}"})
        return "accepted"
    except DecodeError as error:
        return f"refused ({error})"


urls = {
    "/issue-created?user=a%20b": "accepted",
    "/hooks/jira:issue_created?user=a%20b": "accepted",
    "/jira_issue:created?user=a%20b": "accepted",
    "/jira:issue_created?user=a%20b": "refused (qsh does not match)",
    "/jira:issue_created": "refused (qsh does not match)",
}
lines = subprocess.check_output(["node", "run.cjs", SECRET, *urls], text=True).splitlines()
changed = False
for (url, expected), line in zip(urls.items(), lines, strict=True):
    npm, token = line.split()
    answer = pypi(url, token)
    print(f"{url}: npm {npm}, PyPI {answer}")
    changed = changed or (npm, answer) != ("accepted", expected)
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
