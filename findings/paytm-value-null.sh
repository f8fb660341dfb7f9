#!/usr/bin/env bash
# A payment that Paytm calls back about with a field that says `null`, with Paytm's two checksum libraries.
#
# Guess: both join the values of the form, sorted by name, so that a checksum which the one has made the other accepts,
#        whatever the values are.
# Seen:  PyPI's takes the text `null`, in small or large letters, for an empty value; npm's has the same line with the
#        quotes left out, which is never true, and keeps the text. So with a bank that has no name yet, or a customer who
#        is called Null, what the one has signed the other refuses, in both directions. An empty value, and a letter
#        beyond ASCII, are the same in both.
# Versions: paytmchecksum 1.5.1 (npm), paytmchecksum 1.7.0, pycryptodome 3.23.0 (PyPI), Node.js 20, Python 3.
# Source: `getStringByParams` of both; https://github.com/paytm/Paytm_PHP_Checksum has it as PyPI's does.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts paytmchecksum@1.5.1
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'paytmchecksum==1.7.0' 'pycryptodome==3.23.0'

cat > run.cjs <<'NODE'
const { generateSignature, verifySignature } = require('paytmchecksum');

(async () => {
  const [key, text] = process.argv.slice(2);
  for (const { fields, checksum } of JSON.parse(text)) {
    const answer = verifySignature({ ...fields }, key, checksum) ? 'accepted' : 'refused';
    console.log(`${answer} ${await generateSignature({ ...fields }, key)}`);
  }
})();
NODE
cat > run.py <<'PYTHON'
import json
import subprocess
import sys

from paytmchecksum import generateSignature, verifySignature

KEY = "0123456789abcdef"


def form(bank):
    return {"ORDERID": "order-1", "BANKNAME": bank, "STATUS": "PENDING", "TXNAMOUNT": "10.00"}


banks = {"HDFC": "accepted", "": "accepted", "Société": "accepted", "null": "refused", "Null": "refused"}
deliveries = [{"fields": form(bank), "checksum": generateSignature(form(bank), KEY)} for bank in banks]
lines = subprocess.check_output(["node", "run.cjs", KEY, json.dumps(deliveries)], text=True).splitlines()
changed = False
for (bank, expected), line in zip(banks.items(), lines, strict=True):
    npm, checksum = line.split()
    pypi = "accepted" if verifySignature(form(bank), KEY, checksum) else "refused"
    print(f"BANKNAME={bank}: PyPI's checksum at npm {npm}, npm's at PyPI {pypi}")
    changed = changed or (npm, pypi) != (expected, expected)
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
