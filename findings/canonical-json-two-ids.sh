#!/usr/bin/env bash
# Digests over canonical JSON (RFC 8785) of events with ids of 64 bits, in languages that have such integers.
#
# Guess: Rust and Python hold 9007199254740992 and 9007199254740993 exactly, so their canonical forms differ,
#        or the number is refused, as it is no I-JSON number; two events never share a digest.
# Seen:  the two crates and `jcs` (PyPI) write both as …992 without a word: two events, one digest, and under
#        a key made of it the second is dropped as a duplicate. Only `rfc8785` (PyPI) refuses both.
# Versions: serde_json_canonicalizer 0.4.1, serde_jcs 0.2.0, serde_json 1.0.154 (crates.io), jcs 0.2.1 and
#           rfc8785 0.1.4 (PyPI), Python 3.
# Source: RFC 8785, section 3.2.2.3 (numbers are doubles) and appendix D (larger integers belong into text).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'jcs==0.2.1' 'rfc8785==0.1.4'
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "canonical"
version = "0.0.0"
edition = "2021"

[dependencies]
serde_json = "=1.0.154"
serde_json_canonicalizer = "=0.4.1"
serde_jcs = "=0.2.0"
TOML
cat > src/main.rs <<'RUST'
fn main() {
    let texts = [r#"{"id":9007199254740992}"#, r#"{"id":9007199254740993}"#];
    let values = texts.map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
    assert_eq!(values.clone().map(|value| value.to_string()), texts, "read exactly");
    let [first, second] = &values;
    let canonicalizer = [first, second].map(|value| serde_json_canonicalizer::to_string(value).unwrap());
    let jcs = [first, second].map(|value| serde_jcs::to_string(value).unwrap());
    println!("serde_json_canonicalizer: {canonicalizer:?}\nserde_jcs: {jcs:?}");
    for forms in [canonicalizer, jcs] {
        assert_eq!(forms, [texts[0], texts[0]]);
    }
}
RUST
CARGO_TARGET_DIR="$folder/target" cargo run --quiet --jobs 1

venv/bin/python - <<'PYTHON'
import sys

import jcs
import rfc8785

IDS = (9007199254740992, 9007199254740993)
forms = [jcs.canonicalize({"id": number}).decode() for number in IDS]
print("jcs:", forms)
changed = forms != ['{"id":9007199254740992}'] * 2
for number in IDS:
    try:
        print("rfc8785:", rfc8785.dumps({"id": number}))
        changed = True
    except rfc8785.IntegerDomainError as error:
        print("rfc8785 refuses:", error)
sys.exit(1 if changed else 0)
PYTHON
