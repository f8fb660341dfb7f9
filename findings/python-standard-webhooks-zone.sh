#!/usr/bin/env bash
# Signing with Standard Webhooks' Python library, given a moment in another zone than UTC.
#
# Guess: `Webhook.sign(id, moment, body)` signs the moment that an aware `datetime` names, whatever its
#        zone, as `moment.timestamp()` and every other use of one does; so a sender that puts
#        `int(moment.timestamp())` into `webhook-timestamp` is accepted.
# Seen:  the zone is replaced by UTC, not converted: the same moment in +02:00 is signed as two hours later.
#        The library's own `verify` refuses the delivery, and so does every receiver, with a wrong signature
#        and not a wrong time. Only moments in UTC, or naive ones meant as UTC, are signed right. The package
#        `svix` signs through the same code.
# Versions: standardwebhooks 1.1.0 and svix 2.9.1 (PyPI), Python 3.
# Source: https://github.com/standard-webhooks/standard-webhooks/issues/251 (open); the specification has
#         "integer unix timestamp" for the header, which names a moment in any zone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    'standardwebhooks==1.1.0' 'svix==2.9.1'

"$folder/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime, timedelta, timezone

import standardwebhooks.webhooks
import svix.webhooks

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0IG9mIHpvbmVz"
BODY = '{"type":"invoice.paid"}'
east = timezone(timedelta(hours=2))
moment = datetime.now(timezone.utc).replace(microsecond=0)
changed = False


def seen(library, what, result, expected):
    global changed
    print(f"{library}: {what}: {result}")
    changed = changed or result != expected


for library in (standardwebhooks.webhooks, svix.webhooks):
    name = library.__name__.split(".")[0]
    webhook = library.Webhook(SECRET)

    def is_accepted(signed_with):
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(signed_with.timestamp())),
            "webhook-signature": webhook.sign("msg_1", signed_with, BODY),
        }
        try:
            webhook.verify(BODY, headers)
            return "accepted"
        except Exception as error:
            return f"refused: {error}"

    same = moment.astimezone(east)
    assert same == moment and same.timestamp() == moment.timestamp()
    refused = "refused: No matching signature found"
    seen(name, "signed and verified in UTC", is_accepted(moment), "accepted")
    seen(name, "the same moment in +02:00", is_accepted(same), refused)
    later = webhook.sign("msg_1", moment + timedelta(hours=2), BODY)
    is_later = webhook.sign("msg_1", same, BODY) == later
    seen(name, "signed as two hours later", is_later, True)

sys.exit(1 if changed else 0)
PYTHON
