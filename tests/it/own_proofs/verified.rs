//! What a [`Verifier`] has verified as a proof of a user's own is told everywhere, as by a built-in one.

use std::time::Duration;

use tower_webhook::provider::{self, stripe};
use tower_webhook::signature::{Verification, Verified, Verifier};
use tower_webhook::{Delivery, Tolerance};

use super::*;
use crate::support::log::Log;
use crate::support::openssl::hmac_sha256;

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";

fn verifier() -> Verifier {
    let keys = stripe::keys([SECRET]).unwrap();
    provider::stripe(keys).verifier().unwrap().clone()
}

fn signed(verifier: impl Prove) -> Provider {
    Provider::proved_by(Name::new("acme").unwrap(), verifier, by_id(), contract())
}

/// Number `n`, signed this many seconds after [`NOW`].
fn delivery_at(n: u32, secs: u64) -> Request<Full<Bytes>> {
    let body = format!(r#"{{"id":"evt_{n}","data":{{}}}}"#);
    let time = NOW.as_secs() + secs;
    let mac = hmac_sha256(SECRET, format!("{time}.{body}"));
    let request = Request::post("/").header("stripe-signature", format!("t={time},v1={mac}"));
    request.body(Full::from(body)).unwrap()
}

/// A proof made of a verifier, which demands a header too.
struct Stricter(Verifier, Coverage);

impl Prove for Stricter {
    type Body = Verification;

    fn covers(&self) -> Coverage {
        self.1
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        self.0.secret_headers()
    }

    fn signs_time(&self) -> Option<Tolerance> {
        self.0.signs_time()
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<Verification, NotProved> {
        Prove::head(&self.0, head)
    }
}

#[tokio::test]
async fn its_keys_and_its_time_are_told() {
    let stripe = || provider::stripe(stripe::keys([SECRET]).unwrap());
    let word = |covers| Stricter(verifier(), covers);
    for provider in [
        stripe().replace_rule(by_id()),
        signed(verifier()),
        signed(word(Coverage::Request)),
        // What covers less is told too.
        signed(Says(Coverage::Request)).and_proved_by(verifier()),
        signed(verifier()).and_proved_by(Says(Coverage::Request)),
    ] {
        let handler = async |request: Request<Full<Bytes>>| {
            let mark = request.extensions().get::<Authenticated>().unwrap();
            let at = mark.signature().and_then(Verified::signed_at);
            let delivery = request.extensions().get::<Delivery>().unwrap();
            assert_eq!((at, delivery.signed_at()), (Some(NOW), Some(NOW)));
            assert_eq!(delivery.verified_by().unwrap().to_string(), "1");
            Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::default()))
        };
        let told = format!("{provider:?}");
        let seen = Recorder::default();
        let webhook = Webhook::new(provider)
            .store(MemoryStore::new())
            .clock(ManualClock::new(NOW))
            .observer(seen.clone());
        let service = webhook.build().unwrap().layer(service_fn(handler));
        let response = service.oneshot(delivery_at(1, 0)).await.unwrap();
        assert_eq!(outcome(&response), (StatusCode::OK, None), "{told}");
        assert_eq!(seen.next().await.signed_by.as_deref(), Some("1"), "{told}");
    }
}

/// Is proved whatever comes.
struct Says(Coverage);

impl Prove for Says {
    type Body = Proved;

    fn covers(&self) -> Coverage {
        self.0
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    fn head(&self, _: &ProofHead<'_>) -> Result<Proved, NotProved> {
        Ok(Proved::new())
    }
}

#[tokio::test]
async fn one_that_is_in_time_clears_our_clock() {
    const ALARM: &str = "clock_suspected=true";
    let log = Log::default();
    let _guard = log.capture(false);
    let clock = ManualClock::new(NOW);
    let webhook = Webhook::new(signed(verifier()))
        .store(MemoryStore::new())
        .clock(clock.clone());
    let service = webhook.build().unwrap().layer(service_fn(handler));
    let deliver = |n, secs| service.clone().oneshot(delivery_at(n, secs));
    let stale = Some(Reason::SignatureStale);

    // Two are off alike, one is in time: those that follow begin anew.
    clock.advance(Duration::from_secs(360));
    for n in 1..=2 {
        assert_eq!(outcome(&deliver(n, 0).await.unwrap()).1, stale);
    }
    assert_eq!(outcome(&deliver(3, 360).await.unwrap()).1, None);
    for n in 4..=5 {
        assert_eq!(outcome(&deliver(n, 0).await.unwrap()).1, stale);
    }
    assert!(!log.text().contains(ALARM), "{}", log.text());
    assert_eq!(outcome(&deliver(6, 0).await.unwrap()).1, stale);
    assert!(log.text().contains(ALARM), "{}", log.text());
}

#[test]
fn the_contract_learns_its_tolerance() {
    let days = |provider: Provider| provider.contract().default_retention().as_secs() / 86_400;
    // A captured delivery grows stale where the time is signed.
    assert_eq!(days(signed(Says(Coverage::Body))), 30);
    assert_eq!(days(signed(verifier())), 3);
    let both = || signed(Says(Coverage::Body)).and_proved_by(verifier());
    assert_eq!(days(both()), 3);
    assert_eq!(days(both().replace_contract(contract())), 3);
    assert_eq!(days(both().and_proved_by(Says(Coverage::Body))), 3);
}
