//! Several proofs of one kind: all of them are demanded.

use tower_webhook::PathTokens;
use tower_webhook::provider::{self, stripe};

use super::*;
use crate::support::openssl::hmac_sha256;

/// Demands a header, whatever stands in it.
struct Shown(&'static str);

impl Prove for Shown {
    type Body = Proved;

    fn covers(&self) -> Coverage {
        Coverage::Connection
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<Proved, NotProved> {
        match head.request().headers().contains_key(self.0) {
            true => Ok(Proved::new()),
            false => Err(NotProved::because("a header is missing")),
        }
    }
}

#[tokio::test]
async fn of_two_proofs_of_a_user_s_own_both_are_demanded() {
    let name = Name::new("acme").unwrap();
    let both = Provider::proved_by(name, Shown("x-shown"), by_id(), contract())
        .and_proved_by(SharedWord(Coverage::Connection));
    let service = service(both, Recorder::default());
    let sent = |shown: bool, word| {
        let mut request = delivery(word, r#"{"id":"evt_1","data":"sesame"}"#);
        if shown {
            let value = "1".parse().unwrap();
            request.headers_mut().insert("x-shown", value);
        }
        service.clone().oneshot(request)
    };
    for (shown, word) in [(false, Some("sesame")), (true, None), (false, None)] {
        let refused = sent(shown, word).await.unwrap();
        assert_eq!(
            outcome(&refused).1,
            Some(Reason::ProofRefused),
            "{shown} {word:?}"
        );
    }
    let proved = sent(true, Some("sesame")).await.unwrap();
    assert_eq!(outcome(&proved).1, None);
}

#[tokio::test]
async fn of_two_allowlists_an_address_stands_on_both() {
    let list = |entry: &str| Allowlist::parse([entry]).unwrap();
    let name = || Name::new("acme").unwrap();
    let wide = || Provider::from_source(name(), list("192.0.2.0/24"), by_id(), contract());
    let narrow = || Provider::from_source(name(), list("192.0.2.7"), by_id(), contract());
    for both in [
        wide().and_from_source(list("192.0.2.7")),
        narrow().and_from_source(list("192.0.2.0/24")),
    ] {
        let service = service(both, Recorder::default());
        let deliver = |peer: &str| {
            let body = r#"{"id":"evt_1","data":{}}"#;
            service.clone().oneshot(from(peer, delivery(None, body)))
        };
        let elsewhere = deliver("192.0.2.8").await.unwrap();
        assert_eq!(outcome(&elsewhere).1, Some(Reason::SourceRefused));
        let proved = deliver("192.0.2.7").await.unwrap();
        assert_eq!(outcome(&proved), (StatusCode::OK, None));
    }
}

#[tokio::test]
async fn of_two_sets_of_path_tokens_both_hold_the_one_that_is_shown() {
    const FIRST: &str = "first-0a1b2c3d4e5f";
    const SHARED: &str = "shared-9f8e7d6c5b4a";
    const SECOND: &str = "second-3f9d1c0b7a5e";
    let tokens = |all: &[&str]| PathTokens::parse(all).unwrap();
    let name = Name::new("acme").unwrap();
    let both = Provider::by_secret_path(name, tokens(&[FIRST, SHARED]), by_id(), contract())
        .and_by_secret_path(tokens(&[SHARED, SECOND]));
    let service = service(both, Recorder::default());
    let deliver = |path: String| {
        let body = Full::from(r#"{"id":"evt_1","data":{}}"#);
        service
            .clone()
            .oneshot(Request::post(path).body(body).unwrap())
    };
    for path in [
        format!("/hooks/{FIRST}"),
        format!("/hooks/{SECOND}"),
        format!("/hooks/{FIRST}/{SECOND}"),
        format!("/hooks/{SECOND}/{FIRST}"),
    ] {
        let refused = deliver(path.clone()).await.unwrap();
        assert_eq!(outcome(&refused).1, Some(Reason::UnknownPath), "{path}");
    }
    let proved = deliver(format!("/hooks/{SHARED}")).await.unwrap();
    assert_eq!(outcome(&proved), (StatusCode::OK, None));
}

/// Two contents, each signed, under one word that stands in a header: the word vouches for neither.
#[tokio::test]
async fn an_id_that_only_a_connection_gives_makes_no_duplicate_of_other_content() {
    const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
    let stripe = provider::stripe(stripe::keys([SECRET]).unwrap());
    for (covers, other) in [
        (Coverage::Connection, Reason::Conflict),
        (Coverage::Body, Reason::AlreadyDone),
        (Coverage::Request, Reason::AlreadyDone),
    ] {
        let provider =
            (stripe.clone().replace_rule(EventRule::signed_id())).and_proved_by(SharedWord(covers));
        let service = service(provider, Recorder::default());
        let deliver = |data: &str| {
            let body = format!("sesame {data}");
            let mac = hmac_sha256(SECRET, format!("1777899600.{body}"));
            let mut request = delivery(Some("sesame"), &body);
            let header = format!("t=1777899600,v1={mac}").parse().unwrap();
            request.headers_mut().insert("stripe-signature", header);
            service.clone().oneshot(request)
        };
        assert_eq!(outcome(&deliver("one").await.unwrap()).1, None);
        let again = deliver("one").await.unwrap();
        assert_eq!(outcome(&again).1, Some(Reason::AlreadyDone));
        let second = deliver("two").await.unwrap();
        assert_eq!(outcome(&second).1, Some(other), "{covers:?}");
    }
}
