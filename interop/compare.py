"""Asks our verifier and the senders' SDKs about the same deliveries, for `interop/run`.

`compare.py PAGE NPM_FOLDER PROGRAM` writes what they said to PAGE. It fails where a disagreement is not in `notes.json`
or one in there is gone, where an SDK could not be asked, and where one side refuses what the other has signed.

`senders.json` has a delivery for each preset: its secret, the URL that the sender was given, path and body; headers
that are there beside the signature; whether the body is signed, and whether the header can list signatures. Where keys
are public ones, `secret` is one, `other` another one, and `private` and `kind` belong to the first; `key_is_named` is how
our kit names it in a body, where that is not signed, and how the sender does.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PAGE, NPM, PROGRAM = sys.argv[1:]
SENDERS = json.loads((HERE / "senders.json").read_text())
NOTES = json.loads((HERE / "notes.json").read_text())
for sender in SENDERS.values():
    # A moment that is not signed as such, but looked at all the same.
    sender["body"] = sender["body"].replace("NOW_MS", str(int(time.time() * 1000)))
DAY = 86_400

# What is done to a delivery, and whether both sides are to accept it.
CASES = {
    "as it was signed": True,
    "JSON with blanks, escapes and text beyond ASCII": True,
    "header names in capitals": True,
    "headers in the other order": True,
    "two signatures, the second one of another key": True,
    "two signatures, the first one of another key": True,
    "a blank behind the body": False,
    "one byte of the body changed": False,
    "another time than was signed": False,
    "signed two days ago": False,
    "signed two days ahead": False,
    "another key": False,
    "one bit of the signature changed": False,
    "no signature": False,
}


class Side:
    """A process that answers questions, one a line."""

    def __init__(self, *command, folder=None):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=folder, **pipes)

    def ask(self, task, **question):
        self.process.stdin.write(json.dumps({"task": task, **question}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} has ended")
        return json.loads(line)

    def accepts(self, sender, delivery, **more):
        answer = self.ask("verify", sender=sender, **delivery, **more)
        if "failed" in answer:
            sys.exit(f"{sender}: {answer['failed']}")
        return answer == "accepted", answer if isinstance(answer, str) else answer["refused"]


ours = Side(PROGRAM)
registries = {"npm": Side("node", "sdks.mjs", folder=NPM), "PyPI": Side(sys.executable, HERE / "sdks.py")}


def other_secret(secret):
    at = len(secret) - 5
    return secret[:at] + ("2" if secret[at] == "1" else "1") + secret[at + 1 :]


def spelled(body):
    """The same event in a spelling that no serialiser at hand has."""
    start = body.find("{") + 1
    return f'{body[:start]} "note" : "Z\\u00fcrich, Zürich \\/ 7", "rate" : 1.0,\t{body[start:]}'


def changed(body):
    middle = len(body) // 2
    return body[:middle] + chr(ord(body[middle]) ^ 1) + body[middle + 1 :]


def with_another(delivery, first):
    """Beside the right signature stands one that another key has made, as while a secret is changed."""

    def two(found):
        name, signature, behind = found[1], found[2], found[3]
        other = signature.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
        order = [other, signature] if first else [signature, other]
        between = {"h1=": ";", "v1,": " "}.get(name, ",")
        return between.join(name + one for one in order) + behind

    headers = [
        [header, re.sub(r"((?:v1|h1)[=,])([^,; ]+)($|[,; ])", two, value) if "signature" in header else value]
        for header, value in delivery["headers"]
    ]
    return delivery | {"headers": headers}


def ours_signs(name, sender, body=None, age=0, change="none"):
    """Our kit's delivery, or nothing where the sender signs no such thing."""
    question = {key: sender[key] for key in ("secret", "url", "path")}
    question["body"] = sender["body"] if body is None else body
    if "private" in sender:
        question["private"] = {"pem": sender["private"], "kind": sender["kind"]}
    answer = ours.ask("sign", sender=name, age=age, change=change, **question)
    if "signed" not in answer:
        return None
    delivery = answer["signed"]
    delivery["body"] = delivery["body"].replace(*sender.get("key_is_named", ("", "")))
    told = {header for header, _ in delivery["headers"]}
    extra = sender.get("headers", {}).items()
    delivery["headers"] += [[header, value] for header, value in extra if header not in told]
    return delivery


def deliveries(name, sender):
    """Each case's delivery and secret, where it can be made."""
    secret, is_json = sender["secret"], sender["body"][0] in "{["
    as_signed = ours_signs(name, sender)
    if as_signed is None:
        sys.exit(f"{name}: our kit signs nothing")
    made = {
        "as it was signed": as_signed,
        "JSON with blanks, escapes and text beyond ASCII":
            ours_signs(name, sender, spelled(sender["body"])) if is_json else None,
        "header names in capitals":
            as_signed | {"headers": [[h.upper(), value] for h, value in as_signed["headers"]]},
        "headers in the other order": as_signed | {"headers": as_signed["headers"][::-1]},
        "a blank behind the body": as_signed | {"body": as_signed["body"] + " "},
        "one byte of the body changed": as_signed | {"body": changed(as_signed["body"])},
        "another time than was signed": ours_signs(name, sender, change="time"),
        "another key": as_signed,
        "one bit of the signature changed": ours_signs(name, sender, change="signature"),
        "no signature": ours_signs(name, sender, change="unsigned"),
    }
    if not sender.get("body_is_signed", True):
        made["a blank behind the body"] = made["one byte of the body changed"] = None
    if sender.get("lists_signatures"):
        made["two signatures, the second one of another key"] = with_another(as_signed, first=False)
        made["two signatures, the first one of another key"] = with_another(as_signed, first=True)
    if made["another time than was signed"]:
        made["signed two days ago"] = ours_signs(name, sender, age=2 * DAY)
        made["signed two days ahead"] = ours_signs(name, sender, age=-2 * DAY)
    for case in CASES:
        if made.get(case):
            other = sender.get("other") or other_secret(secret)
            yield case, made[case], other if case == "another key" else secret


rows, disagreements, faults = [], {}, []
for registry, theirs in registries.items():
    listed = theirs.ask("list")
    faults += [f"{registry}: {sender}: {why}" for sender, why in listed["failed"].items()]
    for name, package, version, signs in listed["sdks"]:
        sender, sdk = SENDERS[name], f"{package} ({registry})"
        agreed = asked = 0
        for case, delivery, secret in deliveries(name, sender):
            context = {"secret": secret, "url": sender["url"]}
            we_accept, our_words = ours.accepts(name, delivery, **context)
            they_accept, their_words = theirs.accepts(name, delivery, **context)
            asked += 1
            agreed += we_accept == they_accept
            if we_accept != they_accept:
                disagreements[f"{name}, {sdk}: {case}"] = (we_accept, our_words if they_accept else their_words)
            elif we_accept != CASES[case]:
                faults.append(f"{name}, {sdk}: {case}: both {'accept' if we_accept else 'refuse'}: {their_words}")
        if signs:
            now = int(time.time())
            context = {"secret": sender["secret"], "url": sender["url"]}
            question = {"now": now, "uri": sender["path"], "body": sender["body"], **context}
            question["private"] = sender.get("private")
            signed = theirs.ask("sign", sender=name, **question)["signed"]
            is_form = sender["body"][0] not in "{["
            kind = "application/x-www-form-urlencoded" if is_form else "application/json"
            headers = [["content-type", kind], *signed["headers"]]
            delivery = {"method": "POST", "uri": sender["path"], "headers": headers, "body": signed["body"]}
            asked += 2
            for case, body in (("signed by theirs", signed["body"]), ("of theirs, changed", changed(signed["body"]))):
                if case == "of theirs, changed" and not sender.get("body_is_signed", True):
                    asked -= 1
                    continue
                accepted, words = ours.accepts(name, delivery | {"body": body}, **context)
                agreed += accepted == (case == "signed by theirs")
                if accepted != (case == "signed by theirs"):
                    faults.append(f"{name}, {sdk}: {case}: {words}")
        rows.append((name, registry, package, version, "and sign" if signs else "", f"{agreed} of {asked}"))

noted = {f"{which}: {note['case']}" for note in NOTES for which in note["of"]}
for which in sorted(set(disagreements) - noted):
    we_accept, words = disagreements[which]
    faults.append(f"not in notes.json: {which}: we {'accept' if we_accept else 'refuse'}; the other says: {words}")
faults += [f"in notes.json, and gone: {which}" for which in sorted(noted - set(disagreements))]


def verdicts(note):
    """What each side does, and the words of the one that refuses, without the numbers of the day."""
    seen = [disagreements[name] for which in note["of"] if (name := f"{which}: {note['case']}") in disagreements]
    words = sorted({re.sub(r"\d{3,}", "…", words) for _, words in seen})
    verdict = "accept | refuse" if {we_accept for we_accept, _ in seen} == {True} else "refuse | accept"
    return f"{verdict} | {'; '.join(f'`{text}`' for text in words)}"


def with_version(which):
    """The SDK of a note, with its version."""
    preset, sdk = which.split(", ", 1)
    package, registry = sdk[:-1].split(" (")
    found = [row[3] for row in rows if row[:3] == (preset, registry, package)]
    return f"`{preset}`: {package} {found[0] if found else '?'} ({registry})"


# Presets of a sender that has several.
SAME_SENDER = {
    "hubspot_v1": "hubspot",
    "hubspot_v2": "hubspot",
    "messagebird_legacy": "messagebird",
    "shopify_events": "shopify",
    "twilio_shared_key": "twilio",
}
presets = {name for name, *_ in rows}
senders = {SAME_SENDER.get(name, name) for name in presets}
page = [
    "# Beside the senders' own code",
    "",
    "<!-- Written by interop/run. -->",
    "",
    f"`interop/run` asks our verifier and the SDKs for {len(presets)} presets of {len(senders)} senders about the same deliveries:",
    "what our testing kit signs, as it is and changed in one thing each, and what their SDKs sign where they can. An SDK",
    "counts by the function that its own documentation tells a receiver to call. What is here beyond a sender's own SDK is",
    "the library that the sender names.",
    "",
    "| preset | SDK | version | it can | agrees with us |",
    "| --- | --- | --- | --- | --- |",
    *(f"| `{name}` | {package} ({registry}) | {version} | verify {signs}".rstrip() + f" | {score} |"
      for name, registry, package, version, signs, score in sorted(rows)),
    "",
    "## What is done to a delivery",
    "",
    "Accepted by both, but for the rows below:",
    "",
    *(f"- {case}" for case, accepted in CASES.items() if accepted),
    "",
    "Refused by both, but for the rows below:",
    "",
    *(f"- {case}" for case, accepted in CASES.items() if not accepted),
    "",
    "What a sender does not sign is not tried: a time, where there is none.",
    "",
    "## Disagreements",
    "",
    "| preset and SDK | delivery | we | they | the refusal's words | which is right |",
    "| --- | --- | --- | --- | --- | --- |",
    *(f"| {'; '.join(map(with_version, note['of']))} | {note['case']} | {verdicts(note)} | {note['why']} |" for note in NOTES),
]
Path(PAGE).write_text("\n".join(page) + "\n")
for fault in faults:
    print(fault, file=sys.stderr)
print(
    f"{len(presets)} presets of {len(senders)} senders, {len(rows)} SDKs, {len(disagreements)} disagreements, "
    f"{len(faults)} faults"
)
sys.exit(1 if faults else 0)
