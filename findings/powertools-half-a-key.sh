#!/usr/bin/env bash
# An idempotency key of two fields, of which a delivery lacks one, with Powertools for AWS Lambda.
#
# Guess: with `event_key_jmespath="[id, type]"` a delivery without `id` has no key: it is refused when
#        `raise_on_no_idempotency_key` is set, and handled without deduplication when it is not, as
#        happens under the key `id` alone.
# Seen:  it counts as a key as long as one part is there. All deliveries without `id` share the key of their
#        type, so the second order gets the first one's stored answer and its handler never runs. The
#        setting that should raise does not.
# Versions: aws-lambda-powertools 3.37.0, boto3 1.44.8 (PyPI), Python 3. No AWS: the store is a dictionary.
# Source: https://github.com/aws-powertools/powertools-lambda-python/pull/297, which brought the setting in.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    'aws-lambda-powertools==3.37.0' 'boto3==1.44.8' 'jmespath==1.1.0'

AWS_LAMBDA_FUNCTION_NAME=receiver "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
    IdempotencyKeyError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer

DELIVERIES = ({"type": "order.paid", "order": 1}, {"type": "order.paid", "order": 2})
changed = False


class InMemory(BasePersistenceLayer):
    def __init__(self):
        super().__init__()
        self.records = {}

    def _get_record(self, idempotency_key):
        if idempotency_key not in self.records:
            raise IdempotencyItemNotFoundError
        return self.records[idempotency_key]

    def _put_record(self, data_record):
        old = self.records.get(data_record.idempotency_key)
        if old:
            raise IdempotencyItemAlreadyExistsError(old_data_record=old)
        self.records[data_record.idempotency_key] = data_record

    def _update_record(self, data_record):
        self.records[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record):
        del self.records[data_record.idempotency_key]


def answers(path, must_have_key):
    config = IdempotencyConfig(event_key_jmespath=path, raise_on_no_idempotency_key=must_have_key)

    @idempotent(persistence_store=InMemory(), config=config)
    def handle(delivery, _context):
        return f"handled order {delivery['order']}"

    for delivery in DELIVERIES:
        try:
            yield handle(delivery, None)
        except IdempotencyKeyError:
            yield "refused"


for path, must_have_key, expected in (
    ("id", False, ["handled order 1", "handled order 2"]),
    ("id", True, ["refused", "refused"]),
    ("[id, type]", False, ["handled order 1", "handled order 1"]),
    ("[id, type]", True, ["handled order 1", "handled order 1"]),
):
    result = list(answers(path, must_have_key))
    print(f"key {path}, {'demanded' if must_have_key else 'optional'}: {result}")
    changed = changed or result != expected

sys.exit(1 if changed else 0)
PYTHON
