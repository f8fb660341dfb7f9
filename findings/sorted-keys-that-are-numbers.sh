#!/usr/bin/env bash
# The text that is signed "over the JSON with its keys sorted", of an event whose keys are numbers and letters of both
# cases.
#
# Guess: sort the keys with one of the libraries for it, deeply, and write the object with `JSON.stringify`: that is
#        what Python's `json.dumps(sort_keys=True)` writes, and what the canonical form of RFC 8785 is, as long as no
#        key is beyond ASCII.
# Seen:  none of five libraries of npm that hand out a sorted object does. An object of JavaScript has keys like "9" and
#        "10" in front of all others and by their value, wherever they were put, so no order of insertion can help. Two
#        of the five sort as people do besides, `b` before `B`. A body with tiers or lines by number ("10": …, "9": …)
#        so has another signature on each side. What writes the text itself, as three others do, is right.
# Versions: sort-keys 6.0.1, sort-json 2.0.1, sort-keys-recursive 2.1.10, deep-sort-object 1.0.2, jsonabc 2.3.1,
#           json-stable-stringify 1.3.0, canonicalize 5.1.0, json-canonicalize 3.0.1 (npm), rfc8785 0.1.4 (PyPI),
#           Node.js 20, Python 3.
# Source: ECMAScript 2024, section 10.1.11, for the order of an object's keys; RFC 8785, section 3.2.3.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts sort-keys@6.0.1 sort-json@2.0.1 sort-keys-recursive@2.1.10 \
    deep-sort-object@1.0.2 jsonabc@2.3.1 json-stable-stringify@1.3.0 canonicalize@5.1.0 json-canonicalize@3.0.1
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'rfc8785==0.1.4'

cat > run.mjs <<'NODE'
import canonicalize from 'canonicalize';
import deepSortObject from 'deep-sort-object';
import { canonicalize as jsonCanonicalize } from 'json-canonicalize';
import stableStringify from 'json-stable-stringify';
import jsonabc from 'jsonabc';
import sortJson from 'sort-json';
import sortKeys from 'sort-keys';
import sortKeysRecursive from 'sort-keys-recursive';

const written = {
  'sort-keys': (event) => JSON.stringify(sortKeys(event, { deep: true })),
  'sort-json': (event) => JSON.stringify(sortJson(event)),
  'sort-keys-recursive': (event) => JSON.stringify(sortKeysRecursive(event)),
  'deep-sort-object': (event) => JSON.stringify(deepSortObject(event)),
  jsonabc: (event) => JSON.stringify(jsonabc.sortObj(event)),
  'json-stable-stringify': stableStringify,
  canonicalize,
  'json-canonicalize': jsonCanonicalize,
};
const texts = Object.entries(written).map(([name, write]) => [name, write(JSON.parse(process.argv[2]))]);
console.log(JSON.stringify(texts));
NODE
cat > run.py <<'PYTHON'
import json
import subprocess
import sys

import rfc8785

EVENT = {"tiers": {"9": 1, "10": 2, "-": 3}, "a": 4, "b": 5, "B": 6}
SORTED = '{"B":6,"a":4,"b":5,"tiers":{"-":3,"10":2,"9":1}}'
BY_VALUE = '{"B":6,"a":4,"b":5,"tiers":{"9":1,"10":2,"-":3}}'
AS_PEOPLE_DO = '{"a":4,"b":5,"B":6,"tiers":{"9":1,"10":2,"-":3}}'
EXPECTED = [BY_VALUE] * 3 + [AS_PEOPLE_DO] * 2 + [SORTED] * 5

texts = json.loads(subprocess.check_output(["node", "run.mjs", json.dumps(EVENT)], text=True))
texts.append(["Python's json", json.dumps(EVENT, sort_keys=True, separators=(",", ":"))])
texts.append(["rfc8785", rfc8785.dumps(EVENT).decode()])
for name, text in texts:
    print(f"{name}: {text}")
sys.exit(0 if [text for _, text in texts] == EXPECTED else 1)
PYTHON
venv/bin/python run.py
