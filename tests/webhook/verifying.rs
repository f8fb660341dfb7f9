//! Captured requests, whatever they were captured as, and why they are refused.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::program::{Folder, SECRET, webhook};

const BODY: &str = r#"{"id":"evt_1","type":"order.paid","amount":"100.50"}"#;

/// The headers of a delivery of Stripe, signed by the program itself; `openssl` agrees with that elsewhere.
fn signed() -> Vec<(String, String)> {
    let ran = webhook(["--json", "sign", "stripe", "--body", BODY])
        .with_secret()
        .run();
    let all = ran.json();
    let headers = all[0]["headers"].as_object().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    headers
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

fn raw(body: &str) -> String {
    let lines: Vec<_> = signed()
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "POST /in HTTP/1.1\r\nHost: h\r\n{}\r\n{body}",
        lines.concat()
    )
}

#[test]
fn each_kind_of_capture_is_read() {
    let folder = Folder::new();
    let curl = webhook([
        "sign",
        "stripe",
        "--body",
        BODY,
        "--curl",
        "https://h.example/in",
    ])
    .with_secret()
    .run();
    let headers: Vec<_> = signed()
        .into_iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let har = json!({"log": {"entries": [{"request": {
        "method": "POST", "url": "https://h.example/in", "headers": headers,
        "postData": {"text": BASE64.encode(BODY.as_bytes()), "encoding": "base64"},
    }}]}});
    let journal = json!({"v": 1, "id": "1", "at": 0, "provider": "stripe", "verdict": "refused", "request": {
        "received_at": std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() * 1_000_000,
        "method": "POST", "uri": "/in", "headers": signed(), "body": {"len": BODY.len(), "text": BODY},
    }});
    for (name, text, label) in [
        ("a.http", raw(BODY), "raw HTTP"),
        ("a.sh", curl.out, "curl"),
        ("a.har", har.to_string(), "entry 0 of the HAR"),
        ("a.jsonl", journal.to_string(), "1 of the journal"),
    ] {
        let file = folder.file(name, text);
        let ran = webhook(["verify", &file, "--provider", "stripe"])
            .with_secret()
            .run();
        ran.says(0, "authentic: signed by key \"1\"").says(0, label);
        // Nobody need say whose it is.
        webhook(["verify", &file])
            .with_secret()
            .run()
            .says(0, "to stripe\nauthentic");
    }
    let ran = webhook(["verify", "-", "--provider", "stripe"])
        .with_secret()
        .stdin(raw(BODY))
        .run();
    ran.says(0, "authentic");
}

#[test]
fn what_a_journal_has_of_others_is_not_judged_as_this_sender_s() {
    let folder = Folder::new();
    let line = |id: &str, provider: &str| {
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs()
            * 1_000_000;
        json!({"v": 1, "id": id, "at": 0, "provider": provider, "verdict": "handled", "request": {
            "received_at": now, "method": "POST", "uri": "/in", "headers": signed(),
            "body": {"len": BODY.len(), "text": BODY},
        }})
    };
    let lines = |providers: &[&str]| {
        let lines = (1..).zip(providers);
        let lines: Vec<_> = lines
            .map(|(id, it)| line(&format!("{id}"), it).to_string())
            .collect();
        folder.file("journal.jsonl", lines.join("\n"))
    };
    let verify = |file: &str| {
        let arguments = ["verify", file, "--provider", "stripe"];
        webhook(arguments).with_secret().run()
    };
    // A name of a user's own may be a second account of this sender.
    let file = lines(&["stripe", "github", "bloque", "stripe-eu"]);
    let ran = verify(&file);
    ran.says(0, "1 of the journal: POST /in to stripe\nauthentic")
        .says(0, "4 of the journal: ")
        .says(0, "left out 2 that are other senders'\n");
    assert!(
        !ran.out.contains("refused") && !ran.out.contains("2 of the journal"),
        "{ran:?}"
    );
    let json = webhook(["--json", "verify", &file, "--provider", "stripe"])
        .with_secret()
        .run();
    assert_eq!(json.json().last().unwrap(), &json!({"left_out": 2}));
    // One that was proved under another name is that one's.
    let of_acme = line("9", "acme").to_string();
    let of_acme = of_acme.replacen('{', r#"{"authenticated":true,"#, 1);
    let ours = line("8", "stripe").to_string();
    let both = folder.file("both.jsonl", format!("{ours}\n{of_acme}"));
    let ran = verify(&both);
    ran.says(0, "left out 1 that are other senders'\n");
    assert!(!ran.out.contains("9 of the journal"), "{ran:?}");
    let ran = verify(&lines(&["github"]));
    assert_eq!(
        (ran.status, ran.err.as_str()),
        (
            2,
            "webhook: verify: the journal holds no delivery of stripe: 1 are other senders'\n"
        )
    );
}

#[test]
fn the_cause_is_named_and_no_secret() {
    let folder = Folder::new();
    let verify = |body: &str, secret: &str, more: &[&str]| {
        let file = folder.file("captured.http", raw(body));
        let arguments = ["verify", &*file, "--provider", "stripe"]
            .into_iter()
            .chain(more.iter().copied());
        let ran = webhook(arguments)
            .env("WEBHOOK_SECRET", secret)
            .env("SANDBOX", SECRET)
            .run();
        assert!(
            !ran.out.contains(secret) && !ran.out.contains("100.50"),
            "{ran:?}"
        );
        ran
    };
    verify(&format!("{BODY}\n"), SECRET, &[]).says(1, "cause: body_white_space: ");
    let spaced = BODY.replace(':', ": ").replace(',', ", ");
    verify(&spaced, SECRET, &[])
        .says(1, "cause: body_reserialised: ")
        .says(1, "remedy: let nothing read");
    verify(BODY, "test_9f8e7d6c5b4a", &[]).says(1, "cause: secret_prefix: ");
    verify(BODY, "another-secret-1f0a", &[]).says(1, "cause: unknown: ");
    let other = ["--other-secret-env", "SANDBOX"];
    verify(BODY, "another-secret-1f0a", &other).says(
        1,
        "cause: other_keys: the key that made the signature is of SANDBOX",
    );
    verify(BODY, SECRET, &["--at", "2020-01-01T00:00:00Z"])
        .says(1, "cause: skew: ")
        .says(1, "s ahead of our clock");
    let of_github = verify(BODY, SECRET, &["--provider"]);
    assert_eq!(of_github.status, 2);
    let file = folder.file("stripe.http", raw(BODY));
    let ran = webhook(["--json", "verify", &file, "--provider", "github"])
        .with_secret()
        .run();
    let all = ran.says(1, "").json();
    assert_eq!(all[0]["findings"][0]["cause"], "other_scheme");
    assert!(
        all[0]["findings"][0]["what"]
            .as_str()
            .unwrap()
            .contains("stripe")
    );
}

#[test]
fn a_sender_that_nobody_named_is_found_though_the_signature_is_wrong() {
    let folder = Folder::new();
    let verify = |name: &str, text: String, secret: &str| {
        let file = folder.file(name, text);
        webhook(["verify", &file])
            .env("WEBHOOK_SECRET", secret)
            .run()
    };
    verify("end.http", raw(&format!("{BODY}\n")), SECRET)
        .says(1, " to stripe\n")
        .says(1, "cause: body_white_space: ");
    verify("wrong.http", raw(BODY), "another-secret-1f0a")
        .says(1, " to stripe\n")
        .says(1, "cause: unknown: ");
    let spoilt = "POST /in HTTP/1.1\nStripe-Signature: t=1,v1=zz\n\n{}";
    verify("spoilt.http", spoilt.to_owned(), SECRET)
        .says(1, " to stripe\n")
        .says(1, "cause: header: ");
}

#[test]
fn of_several_requests_those_of_nobody_are_told_and_the_others_verified() {
    let folder = Folder::new();
    let headers: Vec<_> = signed()
        .into_iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let har = json!({"log": {"entries": [
        {"request": {"method": "GET", "url": "https://h.example/page", "headers": []}},
        {"request": {"method": "POST", "url": "https://h.example/in", "headers": headers, "postData": {"text": BODY}}},
    ]}});
    let file = folder.file("two.har", har.to_string());
    webhook(["verify", &file])
        .with_secret()
        .run()
        .says(
            1,
            "entry 0 of the HAR: GET /page: no sender is known whose headers these are",
        )
        .says(1, "entry 1 of the HAR: POST /in to stripe\nauthentic");
}

#[test]
fn what_is_no_capture_is_refused() {
    let ran = webhook(["verify", "-"]).with_secret().stdin("hello").run();
    assert_eq!(ran.status, 2);
    assert_eq!(
        ran.err,
        "webhook: capture: neither raw HTTP, a curl line, a HAR nor a line of a journal\n"
    );
}

/// The process that wrote it was killed half-way, and something else has written into it.
#[test]
fn what_cannot_be_read_of_a_journal_hides_none_of_its_other_lines() {
    let folder = Folder::new();
    let lines = super::keeping::journal();
    let whole: Vec<_> = lines.lines().collect();
    let count = |text: &str| {
        let file = folder.file("journal.jsonl", text);
        let verify = ["verify", &file, "--provider", "blendfi"];
        let ran = webhook(verify).with_secret().run();
        assert_eq!(ran.status, 1, "{ran:?}");
        (ran.out.matches(" to blendfi").count(), ran.err)
    };
    let (all, told) = count(&lines);
    assert_eq!((all, told.as_str()), (whole.len(), ""));
    let cut = lines.trim_end().len() - 7;
    assert_eq!(count(&lines[..cut]), (all - 1, String::new()));
    // The last line may lack nothing but its end.
    assert_eq!(count(lines.trim_end()), (all, String::new()));
    let spoilt = lines.replacen('\n', "\nnothing of ours\n", 1);
    let (read, told) = count(&format!("{spoilt}{{}}\n"));
    assert_eq!(read, all);
    assert!(
        told.contains(
            "note: 2 lines of the journal cannot be read; the first is line 2: journal: no line of"
        ),
        "{told}"
    );
    // Where there is none that can be, it is no journal.
    let file = folder.file("journal.jsonl", "{}\n{}\n");
    let none = webhook(["verify", &file]).with_secret().run();
    assert_eq!(none.status, 2, "{none:?}");
    assert!(none.err.contains("line 1: journal: no line of"), "{none:?}");
}
