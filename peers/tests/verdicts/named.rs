//! One delivery of Standard Webhooks for each row of `docs/stricter.md`, and who accepts it.

use Peer::{StandardWebhooks, Svix, WebhookVerify};

use crate::delivery::{Delivery, mac};
use crate::rules::Peer;
use crate::tally::now;

const EVERYONE: &[Peer] = &[StandardWebhooks, Svix, WebhookVerify];
const KEY: &[u8] = b"a key of twenty-two by";
const WEBHOOK: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];
const SVIX: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];

fn signature(id: &str, time: &str, body: &[u8]) -> String {
    let mac = mac(KEY, &[id.as_bytes(), b".", time.as_bytes(), b".", body]);
    format!("v1,{}", data_encoding::BASE64.encode(&mac))
}

fn secret(key: &[u8]) -> String {
    format!("whsec_{}", data_encoding::BASE64.encode(key))
}

fn with(headers: impl IntoIterator<Item = (&'static str, String)>, body: &[u8]) -> Delivery {
    let headers = headers.into_iter();
    Delivery {
        headers: headers
            .map(|(name, value)| (name, value.into_bytes()))
            .collect(),
        body: body.to_vec(),
        now: now(),
        secret: secret(KEY),
        key: KEY.to_vec(),
        ..Delivery::default()
    }
}

fn of(names: [&'static str; 3], id: &str, time: &str, signature: &str) -> Delivery {
    let values = [id, time, signature].map(str::to_owned);
    with(names.into_iter().zip(values), b"{}")
}

/// These and no others accept it.
#[track_caller]
fn accepted_by(what: &str, delivery: &Delivery, ours: bool, peers: &[Peer]) {
    let headers = delivery.header_map();
    let verdict = delivery.ours(&headers);
    assert_eq!(verdict.is_ok(), ours, "{what}: we say {verdict:?}");
    for (peer, verdict) in delivery.peers(&headers) {
        let expected = peers.contains(&peer);
        assert_eq!(
            verdict.is_ok(),
            expected,
            "{what}: {peer:?} says {verdict:?}"
        );
    }
}

#[test]
fn a_whole_delivery_is_accepted_by_everyone() {
    let time = now().to_string();
    let right = signature("msg_1", &time, b"{}");
    accepted_by(
        "whole",
        &of(WEBHOOK, "msg_1", &time, &right),
        true,
        EVERYONE,
    );
}

#[test]
fn of_a_repeated_header_they_take_the_first_one() {
    let time = now().to_string();
    let right = signature("msg_1", &time, b"{}");
    let wrong = signature("msg_2", &time, b"{}");
    for (first, second, peers) in [(&right, &wrong, EVERYONE), (&wrong, &right, &[])] {
        let mut delivery = of(WEBHOOK, "msg_1", &time, first);
        delivery
            .headers
            .push((WEBHOOK[2], second.clone().into_bytes()));
        accepted_by("repeated", &delivery, false, peers);
    }
}

#[test]
fn svix_picks_each_header_from_either_family_and_the_others_see_one() {
    let time = now().to_string();
    let right = signature("msg_1", &time, b"{}");
    let wrong = signature("msg_2", &time, b"{}");
    let mixed = [SVIX[0], WEBHOOK[1], WEBHOOK[2]];
    accepted_by("mixed", &of(mixed, "msg_1", &time, &right), false, &[Svix]);
    for (webhook, svix, peers) in [
        (&right, &wrong, [StandardWebhooks, WebhookVerify].as_slice()),
        (&wrong, &right, &[Svix]),
    ] {
        let mut delivery = of(WEBHOOK, "msg_1", &time, webhook);
        delivery
            .headers
            .extend(of(SVIX, "msg_1", &time, svix).headers);
        accepted_by("both", &delivery, false, peers);
    }
    accepted_by("svix", &of(SVIX, "msg_1", &time, &right), true, &[Svix]);
}

#[test]
fn a_time_is_signed_as_a_number_by_two_and_as_it_stands_by_the_third() {
    let time = now().to_string();
    let right = signature("msg_1", &time, b"{}");
    for before in ["+", "0", "00"] {
        let spelled = format!("{before}{time}");
        let delivery = of(WEBHOOK, "msg_1", &spelled, &right);
        accepted_by(&spelled, &delivery, false, &[StandardWebhooks, Svix]);
    }
    for (before, peers) in [("0", [WebhookVerify].as_slice()), ("+", &[]), ("-", &[])] {
        let spelled = format!("{before}{time}");
        let as_it_stands = signature("msg_1", &spelled, b"{}");
        let delivery = of(WEBHOOK, "msg_1", &spelled, &as_it_stands);
        accepted_by(&spelled, &delivery, false, peers);
    }
}

#[test]
fn an_id_with_a_dot_gives_one_signature_two_readings() {
    let time = now().to_string();
    let id = format!("a.{time}");
    let right = signature(&id, &time, b"x");
    let mut one = of(WEBHOOK, &id, &time, &right);
    one.body = b"x".to_vec();
    accepted_by("with a dot", &one, false, EVERYONE);
    let mut other = of(WEBHOOK, "a", &time, &right);
    other.body = format!("{time}.x").into_bytes();
    accepted_by("without", &other, true, EVERYONE);
}

#[test]
fn what_is_not_bounded_elsewhere_is_bounded_here() {
    let time = now().to_string();
    for id in [String::new(), "i".repeat(257)] {
        let right = signature(&id, &time, b"{}");
        accepted_by("id", &of(WEBHOOK, &id, &time, &right), false, EVERYONE);
    }
    let right = signature("msg_1", &time, b"{}");
    let wrong = signature("msg_2", &time, b"{}");
    for (wrong, ours) in [(63, true), (64, false)].map(|(n, ours)| (vec![&*wrong; n], ours)) {
        let many = format!("{} {right}", wrong.join(" "));
        accepted_by("many", &of(WEBHOOK, "msg_1", &time, &many), ours, EVERYONE);
    }
    for (len, ours) in [(16 * 1024 - right.len() - 4, true), (16 * 1024, false)] {
        let long = format!("v9,{} {right}", "x".repeat(len));
        accepted_by("long", &of(WEBHOOK, "msg_1", &time, &long), ours, EVERYONE);
    }
}

#[test]
fn a_sibling_that_is_no_signature_is_judged_by_what_it_claims_to_be() {
    let time = now().to_string();
    let right = signature("msg_1", &time, b"{}");
    for sibling in ["v1a,AAAA", "v0,"] {
        let both = format!("{sibling} {right}");
        accepted_by(sibling, &of(WEBHOOK, "msg_1", &time, &both), true, EVERYONE);
    }
    for sibling in ["md5=0", "sha1,AAAA"] {
        let both = format!("{sibling} {right}");
        accepted_by(sibling, &of(WEBHOOK, "msg_1", &time, &both), true, EVERYONE);
    }
    let both = format!("v1,AA {right}");
    let delivery = of(WEBHOOK, "msg_1", &time, &both);
    accepted_by("v1,AA", &delivery, true, &[StandardWebhooks, Svix]);
}

#[test]
fn a_header_that_was_doubled_on_its_way_has_one_reading() {
    let time = now().to_string();
    let right = signature("msg_1", &time, b"{}");
    let mut twice = of(WEBHOOK, "msg_1", &time, &right);
    twice.headers.extend(twice.headers.clone());
    accepted_by("lines", &twice, true, EVERYONE);
    let joined = format!("{right},{right}");
    let joined = of(WEBHOOK, "msg_1", &time, &joined);
    accepted_by("joined", &joined, true, &[]);
    let mut families = of(WEBHOOK, "msg_1", &time, &right);
    (families.headers).extend(of(SVIX, "msg_1", &time, &right).headers);
    accepted_by("families", &families, true, EVERYONE);
    let tab = format!("{right}\t{right}");
    accepted_by("a tab", &of(WEBHOOK, "msg_1", &time, &tab), true, &[]);
    let blanks = format!("  {right}  v1a,AAAA");
    accepted_by(
        "blanks",
        &of(WEBHOOK, "msg_1", &time, &blanks),
        true,
        EVERYONE,
    );
}

#[test]
fn secrets_are_read_each_in_its_own_way() {
    let time = now().to_string();
    let right = signature("msg_1", &time, b"{}");
    let configured = |secret: String| Delivery {
        secret,
        ..of(WEBHOOK, "msg_1", &time, &right)
    };
    let padded = secret(KEY);
    let unpadded = padded.trim_end_matches('=').to_owned();
    assert_ne!(padded, unpadded);
    accepted_by("unpadded", &configured(unpadded), true, &[WebhookVerify]);
    // The last character stands for two bits of the key and four that belong to no byte.
    let bits = padded.replace("Q==", "R==");
    assert_ne!(padded, bits);
    accepted_by("bits", &configured(bits), false, &[WebhookVerify]);

    let key = b"11 bytes..x";
    let mac = mac(key, &[b"msg_1.", time.as_bytes(), b".{}"]);
    let right = format!("v1,{}", data_encoding::BASE64.encode(&mac));
    let mut short = of(WEBHOOK, "msg_1", &time, &right);
    (short.secret, short.key) = (secret(key), key.to_vec());
    accepted_by("short", &short, false, EVERYONE);
}

#[test]
fn a_body_of_bytes_is_refused_by_two() {
    let time = now().to_string();
    let body = b"\xff";
    let right = signature("msg_1", &time, body);
    let values = ["msg_1".to_owned(), time, right];
    let delivery = with(WEBHOOK.into_iter().zip(values), body);
    accepted_by("bytes", &delivery, true, &[WebhookVerify]);
}
