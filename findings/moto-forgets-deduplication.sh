#!/usr/bin/env bash
# A delivery that comes again after its message was handled and deleted, in a FIFO queue of SQS as moto mocks it.
#
# Guess: as on AWS: an id of deduplication is known for five minutes, and a second message under it is accepted and
#        never delivered, whether or not the first one was deleted meanwhile.
# Seen:  while the first one is there, so it is. Once it is deleted, its id is forgotten, and the second is delivered: a
#        test says that a redelivery runs again where on AWS it is swallowed, and a test that proves how a dead
#        event is sent again passes here alone.
# Versions: moto 5.2.5, boto3 1.44.8 (PyPI), Python 3.
# Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
#         (the id is kept track of "even after the message is received and deleted").
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'moto[sqs]==5.2.5' 'boto3==1.44.8'

AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none venv/bin/python - <<'PYTHON'
import sys

import boto3
from moto import mock_aws

with mock_aws():
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="events.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

    def send(body):
        sqs.send_message(
            QueueUrl=queue, MessageBody=body, MessageGroupId="orders", MessageDeduplicationId="evt_1"
        )

    def receive():
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]

    send("first")
    send("again, before it is received")
    before = receive()
    send("again, after it is deleted")
    after = receive()

print("received:", before)
print("received then:", after)
sys.exit(1 if (before, after) != (["first"], ["again, after it is deleted"]) else 0)
PYTHON
