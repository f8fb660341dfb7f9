#!/usr/bin/env bash
# Events under ids of version 7, made one behind the other by five libraries, and sorted by their ids.
#
# Guess: such an id begins with the milliseconds since 1970, so that ids sort by time, whichever library of whichever service
#        has made them: that is what version 7 is for, and each of them says that it is of version 7.
# Seen:  PyPI's `uuid7` still has the layout of an early draft, with seconds. By their bits its ids are of version 7; they
#        sort behind all others', and who reads their time finds it nearly two centuries ahead. Who asks for what is behind
#        the last id seen gets none of the others' once such an id has come, and a cleanup by the time in the id
#        passes them over. Among themselves they are in order, so that no test with one library shows it.
# Versions: uuid7 0.1.0, uuid6 2025.0.1, uuid_utils 1.2.0 (PyPI), uuid 14.0.3, uuidv7 1.2.1 (npm), Node.js 20, Python 3.
# Source: RFC 9562, section 5.7; https://github.com/stevesimmons/uuid7/issues/1 (open).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts uuid@14.0.3 uuidv7@1.2.1
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'uuid7==0.1.0' 'uuid6==2025.0.1' 'uuid_utils==1.2.0'

cat > run.mjs <<'NODE'
import { v7 } from 'uuid';
import { uuidv7 } from 'uuidv7';

console.log(process.argv[2] === 'uuid' ? v7() : uuidv7());
NODE
cat > run.py <<'PYTHON'
import subprocess
import sys
import time
from datetime import datetime, timezone
from uuid import UUID

import uuid6
import uuid_extensions
import uuid_utils


def of_npm(name):
    return subprocess.check_output(["node", "run.mjs", name], text=True).strip()


made = []
for library, make in {
    "uuid6": uuid6.uuid7,
    "uuid7": uuid_extensions.uuid7,
    "uuid_utils": uuid_utils.uuid7,
    "uuid (npm)": lambda: of_npm("uuid"),
    "uuid7, later": uuid_extensions.uuid7,
    "uuidv7 (npm)": lambda: of_npm("uuidv7"),
}.items():
    made.append((str(make()), library))
    time.sleep(0.05)

year = datetime.now(timezone.utc).year
changed = {UUID(text).version for text, _ in made} != {7}
for text, library in sorted(made):
    seen = datetime.fromtimestamp((UUID(text).int >> 80) / 1000, timezone.utc).year
    print(f"{text[:14]}…, of {seen}: {library}")
    changed |= (seen - year > 100) is not library.startswith("uuid7")
order = [library for _, library in sorted(made)]
changed |= order != ["uuid6", "uuid_utils", "uuid (npm)", "uuidv7 (npm)", "uuid7", "uuid7, later"]
sys.exit(changed)
PYTHON
venv/bin/python run.py
