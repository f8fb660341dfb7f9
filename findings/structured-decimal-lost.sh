#!/usr/bin/env bash
# Reading a structured field and writing it again, as RFC 9421 has a receiver do for a component with `sf`.
#
# Guess: what is written is the canonical form of what was read: `q=1.0` is a Decimal and stays `1.0`, as an Integer is
#        another type. Libraries of two languages write the same text, and a signature over it holds.
# Seen:  npm's `structured-headers` reads `1.0` into a number of JavaScript and writes `1`, an Integer. PyPI's `http-sfv`
#        writes `1.0`. A signature over a field with a whole Decimal in it, made on one side, is refused on the
#        other; with `0.5` both agree.
# Versions: structured-headers 2.1.0 (npm), http_sfv 0.9.9 (PyPI), Node.js 20, Python 3.
# Source: RFC 9651, sections 3.3.1, 3.3.2 and 4.1.5; RFC 9421, section 2.1.1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts structured-headers@2.1.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'http_sfv==0.9.9'

cat > run.mjs <<'NODE'
import { parseDictionary, serializeDictionary } from 'structured-headers';

for (const text of process.argv.slice(2)) console.log(serializeDictionary(parseDictionary(text)));
NODE
cat > run.py <<'PYTHON'
import subprocess
import sys

import http_sfv

FIELDS = {
    "retry=?1;after=1.0, n=2": "retry;after=1, n=2",
    "retry=?1;after=0.5, n=2": "retry;after=0.5, n=2",
}
npm = subprocess.check_output(["node", "run.mjs", *FIELDS], text=True).splitlines()
changed = False
for (text, expected), written in zip(FIELDS.items(), npm):
    field = http_sfv.Dictionary()
    field.parse(text.encode())
    print(f"{text}: npm writes {written}, PyPI {field}")
    changed = changed or written != expected or str(field) != text.replace("=?1", "")
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
