#!/usr/bin/env bash
# Mercado Pago's two SDKs, told to refuse what is older than five minutes.
#
# Guess: a delivery that was signed just now is accepted, its `ts` being in milliseconds, as the documentation of the
#        PyPI SDK has it for the same function ("ts=<ms>").
# Seen:  both take `ts` for seconds where they compare it with the clock: a time in milliseconds lies fifty thousand
#        years ahead, and every delivery is refused as outside the tolerance. Without a tolerance, which is
#        the default, all are accepted. Pass a clock that runs as `ts` does, or compare the time yourself.
# Versions: mercadopago 3.6.1 (npm), mercadopago 3.6.0 (PyPI), Node.js 20, Python 3.
# Source: the docstring of `WebhookSignatureValidator.validate` (PyPI).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts mercadopago@3.6.1
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'mercadopago==3.6.0'

cat > run.cjs <<'NODE'
const { WebhookSignatureValidator } = require('mercadopago');

const [xSignature, tolerance] = process.argv.slice(2);
try {
  WebhookSignatureValidator.validate({
    xSignature, xRequestId: 'request-1', dataId: '1', secret: 'secret', toleranceSeconds: Number(tolerance) || undefined,
  });
  console.log('accepted');
} catch (error) {
  console.log(error.reason);
}
NODE
cat > run.py <<'PYTHON'
import hashlib
import hmac
import subprocess
import sys
import time

from mercadopago.webhook.validator import InvalidWebhookSignatureError, WebhookSignatureValidator

assert "ts=<ms>" in WebhookSignatureValidator.validate.__doc__
changed = False


def signature(ts):
    manifest = f"id:1;request-id:request-1;ts:{ts};"
    return f"ts={ts},v1={hmac.new(b'secret', manifest.encode(), hashlib.sha256).hexdigest()}"


def pypi(header, tolerance):
    try:
        WebhookSignatureValidator.validate(
            header, "request-1", "1", "secret", tolerance_seconds=tolerance
        )
        return "accepted"
    except InvalidWebhookSignatureError as error:
        return error.reason.value


def npm(header, tolerance):
    return subprocess.check_output(["node", "run.cjs", header, str(tolerance or "")], text=True).strip()


for unit, ts, tolerance, accepted in (
    ("milliseconds", int(time.time() * 1000), None, True),
    ("milliseconds", int(time.time() * 1000), 300, False),
    ("seconds", int(time.time()), 300, True),
):
    answers = [ask(signature(ts), tolerance) for ask in (pypi, npm)]
    print(f"ts in {unit}, tolerance {tolerance}: PyPI {answers[0]}, npm {answers[1]}")
    changed = changed or [answer == "accepted" for answer in answers] != [accepted, accepted]
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
