#!/usr/bin/env bash
# A notification of PayPal, rightly signed, at PayPal's SDK for Python with the pyOpenSSL that is installed with it.
#
# Guess: `WebhookEvent.verify` is true for it; where a dependency no longer fits, the import or the call fails.
# Seen:  it is true with pyOpenSSL 24.2.1 and false since 24.3.0, which took `crypto.verify` out. The SDK asks for any
#        pyOpenSSL since 0.15, so that installing it today gives the newest; it catches the AttributeError where it looks
#        for a wrong signature, prints it, and answers False: each true delivery is refused as a forgery is.
# Versions: paypalrestsdk 1.13.3, pyOpenSSL 24.2.1 and 26.4.0 (PyPI), Python 3. Its download of the certificate is answered
#           here, and the root that it trusts is one of ours.
# Source: https://github.com/bellingcat/auto-archiver/issues/155 met the removal, where it is an ImportError.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 24.2.1 26.4.0; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/pip" install -q --disable-pip-version-check 'paypalrestsdk==1.13.3' "pyOpenSSL==$version"
done

cat > run.py <<'PYTHON'
import base64
import binascii
import contextlib
import datetime
import io
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import crypto
from paypalrestsdk import WebhookEvent

BODY = '{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}'
NOW = datetime.datetime.now(datetime.timezone.utc)


def certificate(name, key, issuer, issuer_key, is_root):
    one = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    builder = x509.CertificateBuilder().subject_name(one(name)).issuer_name(one(issuer)).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - datetime.timedelta(days=1))
    builder = builder.not_valid_after(NOW + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(is_root, None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
root = Path("root.pem").absolute()
root.write_bytes(certificate("root", root_key, "root", root_key, True))
leaf = certificate("messageverificationcerts.paypal.com", key, "root", root_key, False)
WebhookEvent._WebhookEvent__cert_chain_path = [str(root)]
WebhookEvent._get_cert = staticmethod(lambda url: crypto.load_certificate(crypto.FILETYPE_PEM, leaf))

signed = f"69cd13f0|2026-05-04T12:00:00Z|1JE4291016473214C|{binascii.crc32(BODY.encode())}".encode()
signature = base64.b64encode(key.sign(signed, padding.PKCS1v15(), hashes.SHA256())).decode()
said = io.StringIO()
with contextlib.redirect_stdout(said):
    url = "https://api.paypal.com/v1/notifications/certs/CERT-1"
    arguments = ("69cd13f0", "2026-05-04T12:00:00Z", "1JE4291016473214C", BODY, url, signature, "SHA256withRSA")
    accepted = WebhookEvent.verify(*arguments)
print(f"pyOpenSSL {sys.argv[1]}: {accepted}, prints {said.getvalue().strip()!r}")
if sys.argv[1] == "24.2.1":
    sys.exit(accepted is not True)
sys.exit(accepted is not False or "has no attribute 'verify'" not in said.getvalue())
PYTHON
for version in 24.2.1 26.4.0; do "venv-$version/bin/python" -W ignore run.py "$version"; done
