#!/usr/bin/env bash
# The two fields of a message signature (RFC 9421), read as structured fields and written again by three libraries of
# PyPI.
#
# Guess: each reads what the standard says, bytes for bytes and strings for strings, and writes it again as it stood;
#        base64 without its padding is read too, as RFC 9651 says that a parser should not fail on it.
# Seen:  http-sf does. http_sfv, by the same author, refuses the signature without padding. sfvparse, made for the same
#        standard, hands out the base64 text as the bytes and encodes it a second time, writes strings as tokens and
#        blanks behind each `;`, and refuses a member without a value. With it no signature holds, be it taken from the
#        field or made over it, and nothing but the last raises an error.
# Versions: http-sf 1.5.0, http_sfv 0.9.9, sfvparse 0.1.0 (PyPI), Python 3.
# Source: RFC 9651, sections 3.3.5, 4.1.1 and 4.2.7; `sfvparse/_serialize.py` of sfvparse 0.1.0.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'http-sf==1.5.0' 'http_sfv==0.9.9' 'sfvparse==0.1.0'

cat > run.py <<'PYTHON'
import sys

import http_sf.compat
import http_sfv
import sfvparse


def of_classes(library):
    def again(text):
        field = library.Dictionary()
        field.parse(text.encode())
        return str(field)

    return again


def of_sfvparse(text):
    written = sfvparse.serialize_dict(sfvparse.parse_dict(text))
    return written.decode() if isinstance(written, bytes) else written


LIBRARIES = {"http-sf": of_classes(http_sf.compat), "http_sfv": of_classes(http_sfv), "sfvparse": of_sfvparse}
# What stands in the field, and what each library writes of it; None where it refuses to read it.
FIELDS = {
    "sig=:aGk=:": ("sig=:aGk=:", "sig=:aGk=:", "sig=:YUdrPQ==:"),
    "sig=:aGk:": ("sig=:aGk=:", None, "sig=:YUdr:"),
    'sig=("@method" "date");created=1719835200;keyid="k"': (
        'sig=("@method" "date");created=1719835200;keyid="k"',
        'sig=("@method" "date");created=1719835200;keyid="k"',
        'sig=("@method" date); created=1719835200; keyid=k',
    ),
    "retry": ("retry", "retry", None),
}
changed = False
for text, expected in FIELDS.items():
    print(text)
    for (name, again), wanted in zip(LIBRARIES.items(), expected, strict=True):
        try:
            written = again(text)
        except ValueError:
            written = None
        print(f"  {name}: {'refused' if written is None else written}")
        changed = changed or written != wanted
sys.exit(1 if changed else 0)
PYTHON
venv/bin/python run.py
