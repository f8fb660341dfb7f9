//! Faults that nobody looks for: they are not taken for others.

use bytes::Bytes;
use http::{HeaderValue, Request};
use tower_webhook::signature::diagnosis::Cause;
use tower_webhook::testing::TestDelivery;

use super::cases::{request, right, standard, ten};
use super::{BODY, NOW, SECRET, with_body, with_key};

/// What a delivery became on its way, and the delivery.
type Fault = (&'static str, Request<Bytes>);

/// The signature's header is the one that is longest.
fn change_signature(request: &Request<Bytes>, change: impl Fn(&str) -> String) -> Request<Bytes> {
    let mut changed = request.clone();
    let longest = changed.headers_mut().values_mut().max_by_key(|it| it.len());
    let value = longest.unwrap();
    *value = HeaderValue::from_str(&change(value.to_str().unwrap())).unwrap();
    changed
}

fn of_body(signed: &Request<Bytes>) -> Vec<Fault> {
    let reversed: Vec<u8> = BODY.bytes().rev().collect();
    let wide: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let form = BODY.bytes().map(|byte| format!("%{byte:02X}"));
    let form = format!("payload={}", form.collect::<String>());
    [
        (
            "a number written anew",
            BODY.replace("1777899600", "1.7778996e9").into_bytes(),
        ),
        (
            "a member left out",
            BODY.replace(r#","tags":["b","a"]"#, "").into_bytes(),
        ),
        (
            "a list sorted",
            BODY.replace(r#"["b","a"]"#, r#"["a","b"]"#).into_bytes(),
        ),
        ("in lower case", BODY.to_lowercase().into_bytes()),
        ("sent twice", BODY.repeat(2).into_bytes()),
        ("as a text of JSON", serde_json::to_vec(BODY).unwrap()),
        ("as a member", format!(r#"{{"body":{BODY}}}"#).into_bytes()),
        ("as a field of a form", form.into_bytes()),
        ("as UTF-16", wide),
        (
            "its accents taken apart",
            BODY.replace('ë', "e\u{308}").into_bytes(),
        ),
        ("its accents lost", BODY.replace('ë', "?").into_bytes()),
        (
            "its end lost, with no length",
            BODY.as_bytes()[..40].to_vec(),
        ),
        ("backwards", reversed),
        ("compressed", b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec()),
    ]
    .into_iter()
    .map(|(what, body)| (what, with_body(signed.clone(), body)))
    .collect()
}

fn of_head(signed: &Request<Bytes>) -> Vec<Fault> {
    let upper = |text: &str| text.to_uppercase();
    let cut = |text: &str| text[..text.len() - 3].to_owned();
    let turned = |text: &str| {
        let (before, behind) = text.split_at(text.len() - 20);
        format!("{before}{}", behind.chars().rev().collect::<String>())
    };
    vec![
        ("its signature in capitals", change_signature(signed, upper)),
        ("its signature cut off", change_signature(signed, cut)),
        (
            "half of its signature turned around",
            change_signature(signed, turned),
        ),
    ]
}

#[test]
fn what_is_not_looked_for_is_not_named_as_something_else() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for sender in ten().into_iter().chain([standard(SECRET.as_bytes())]) {
        let signed = request(&right(&sender));
        let mut faults = of_body(&signed);
        faults.extend(of_head(&signed));
        for (what, secret) in [
            ("its secret in capitals", SECRET.to_uppercase()),
            ("the end of its secret lost", SECRET[..12].to_owned()),
            ("its secret twice", SECRET.repeat(2)),
        ] {
            let of_another = with_key(&sender, secret.as_bytes());
            faults.push((what, request(&right(&of_another))));
        }
        let of_another = TestDelivery::new(&sender, BODY.replace("evt_1", "evt_2")).at(NOW);
        let of_another = request(&of_another.to("/in"));
        faults.push((
            "the signature of another event",
            with_body(of_another, signed.body().clone()),
        ));
        for (what, delivery) in faults {
            let diagnose = sender.diagnose().unwrap();
            let found = diagnose.delivery(&delivery, delivery.body(), NOW);
            // The spelling of a signature is looked for.
            let may_be = match what {
                "its signature in capitals" => Some(Cause::SignatureSpelling),
                _ => None,
            };
            let is_honest = match found.cause() {
                None => found.is_authentic(),
                Some(Cause::Unknown | Cause::Header | Cause::BodyLength) => true,
                cause => cause == may_be,
            };
            count += 1;
            if !is_honest {
                wrong.push(format!("{} {what}: {found}", sender.name()));
            }
            assert!(!found.to_string().contains(SECRET), "{found}");
        }
    }
    assert!(wrong.is_empty(), "of {count}: {wrong:#?}");
}
