#!/usr/bin/env bash
# A Lambda function that is rewritten in the other language, with Powertools for AWS Lambda and the table it had.
#
# Guess: both languages keep `prefix#hash` in the same columns, with MD5 as the hash, and both let the prefix be set; so an
#        event that the old function has handled is known to the new one.
# Seen:  not one is. Python writes the MD5 in hex and TypeScript in base64: of a key that is a text it is the same hash,
#        spelled otherwise. A key of two fields has another hash besides, as Python puts a blank behind the comma. At the
#        change, or while both run, each redelivery is handled again, and no setting tells of it.
# Versions: aws-lambda-powertools 3.37.0, boto3 1.44.8, jmespath 1.1.0 (PyPI), @aws-lambda-powertools/idempotency 2.35.0
#           (npm), Python 3, Node.js 20. No AWS: the table is a dictionary.
# Source: the documents of both have `key_prefix` and `keyPrefix` for an item's key, and not how the hash is spelled.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @aws-lambda-powertools/idempotency@2.35.0 \
    @aws-lambda-powertools/jmespath@2.35.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'aws-lambda-powertools==3.37.0' 'boto3==1.44.8' 'jmespath==1.1.0'

cat > run.mjs <<'NODE'
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { BasePersistenceLayer } from '@aws-lambda-powertools/idempotency/persistence';

class Table extends BasePersistenceLayer {
  keys = [];
  async _putRecord(record) { this.keys.push(record.idempotencyKey); }
  async _getRecord() {}
  async _updateRecord() {}
  async _deleteRecord() {}
}

console.warn = () => {}; // That it knows no time that is left.
const [event, ...paths] = process.argv.slice(2);
for (const eventKeyJmesPath of paths) {
  const persistenceStore = new Table();
  const config = new IdempotencyConfig({ eventKeyJmesPath });
  await makeIdempotent(async () => 'ok', { persistenceStore, config, keyPrefix: 'receiver' })(JSON.parse(event), {});
  console.log(persistenceStore.keys[0]);
}
NODE
cat > run.py <<'PYTHON'
import base64
import json
import subprocess
import sys

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer

EVENT = {"id": "evt_1", "type": "order.paid"}
PATHS = ["id", "[id, type]"]


class Table(BasePersistenceLayer):
    def __init__(self):
        super().__init__()
        self.keys = []

    def _put_record(self, data_record):
        self.keys.append(data_record.idempotency_key)

    def _get_record(self, idempotency_key):
        pass

    def _update_record(self, data_record):
        pass

    def _delete_record(self, data_record):
        pass


def pypi(path):
    table = Table()
    config = IdempotencyConfig(event_key_jmespath=path)

    @idempotent(persistence_store=table, config=config, key_prefix="receiver")
    def handler(event, context):
        return "ok"

    handler(EVENT, None)
    return table.keys[0]


npm = subprocess.check_output(["node", "run.mjs", json.dumps(EVENT), *PATHS], text=True).splitlines()
same_hashes = []
for path, theirs in zip(PATHS, npm, strict=True):
    ours = pypi(path)
    print(f"{path}: Python {ours}, TypeScript {theirs}")
    (prefix, in_hex), (their_prefix, in_base64) = ours.split("#"), theirs.split("#")
    if prefix != their_prefix or in_hex == in_base64:
        sys.exit(1)
    same_hashes.append(bytes.fromhex(in_hex) == base64.b64decode(in_base64))
print("the same hash:", dict(zip(PATHS, same_hashes)))
sys.exit(same_hashes != [True, False])
PYTHON
AWS_LAMBDA_FUNCTION_NAME=receiver venv/bin/python -W ignore run.py
