//! Every sender against deliveries that this crate did not make.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::{SenderFacts, VECTORS, senders, senders_page};
#[cfg(feature = "asymmetric")]
use crate::asymmetric::PrivateKey;
use crate::clock::UnixTime;
use crate::coverage::Coverage;
use crate::head::RequestHead;
use crate::provider::Provider;
use crate::runtime::Confirmation;
#[cfg(feature = "asymmetric")]
use crate::signature::{PublicKeyAlgorithm, Verifier};
use crate::signature::{PublicUrl, SignatureErrorKind};
use crate::store::MemoryStore;
use crate::webhook::Webhook;

#[cfg(feature = "asymmetric")]
mod certified;
mod handshakes;
#[cfg(feature = "asymmetric")]
pub(super) use certified::Certified;

/// A delivery as the sender makes it.
#[derive(Debug)]
pub(super) struct Vector {
    /// The constructor.
    pub(super) of: &'static str,
    pub(super) secret: &'static str,
    /// The URL that the sender was given, and the part of it that arrives.
    pub(super) url: &'static str,
    pub(super) uri: &'static str,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) body: &'static str,
    pub(super) now: u64,
    /// The key of the event.
    pub(super) key: &'static str,
}

impl Vector {
    /// The members that most deliveries share.
    pub(super) const USUAL: Self = Self {
        of: "",
        secret: "",
        url: "https://hooks.example/in",
        uri: "/in",
        headers: &[],
        body: "",
        now: 1777899600,
        key: "",
    };

    fn all() -> impl Iterator<Item = &'static Self> {
        VECTORS.iter().copied().flatten()
    }

    fn facts(&self) -> &'static SenderFacts {
        let mut senders = senders();
        (senders.find(|sender| sender.name() == self.of)).unwrap_or_else(|| panic!("{}", self.of))
    }

    fn provider(&self) -> Provider {
        let url = PublicUrl::parse(self.url).unwrap();
        let provider = self.facts().provider(self.secret, &url);
        provider.unwrap_or_else(|error| panic!("{}: {error}", self.of))
    }

    /// The same sender with a key that did not sign this delivery.
    fn of_another_key(&self) -> Provider {
        #[cfg(feature = "asymmetric")]
        if let Some(other) = by_private_key(self.provider(), PrivateKey::of_nobody) {
            return other;
        }
        let url = PublicUrl::parse(self.url).unwrap();
        let other = other_secret(self.secret);
        self.facts().provider(&other, &url).unwrap()
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    /// The key of the event, or the reason why the delivery proves none.
    fn key(&self, provider: &Provider, body: &str, now: u64) -> Result<String, SignatureErrorKind> {
        self.key_with(provider, &self.headers(), body, now)
    }

    fn key_with(
        &self,
        provider: &Provider,
        headers: &HeaderMap,
        body: &str,
        now: u64,
    ) -> Result<String, SignatureErrorKind> {
        let uri: Uri = self.uri.parse().unwrap();
        let head = RequestHead::new(&Method::POST, &uri, headers);
        let verifier = provider.verifier().unwrap();
        let verified = verifier
            .verify(head, body.as_bytes(), UnixTime::from_secs(now))
            .map_err(|error| error.kind())?;
        let rule = provider.rule();
        let items = rule.identify_items(provider.name(), head, body.as_bytes(), 100);
        if let Some(item) = items.unwrap().into_iter().flatten().next() {
            return Ok(item.identity.unwrap().key.to_string());
        }
        let event = rule.identify(provider.name(), head, verified.id(), body.as_bytes());
        let event = event.unwrap_or_else(|error| panic!("{}: {error}", self.of));
        Ok(event.key.to_string())
    }
}

#[test]
fn each_sender_is_what_others_have_made_of_it() {
    let wrong: Vec<_> = Vector::all()
        .filter_map(|vector| {
            let key = vector.key(&vector.provider(), vector.body, vector.now);
            (key.as_deref() != Ok(vector.key)).then_some((vector.of, key))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_changed_byte_or_another_secret_proves_nothing() {
    for vector in Vector::all() {
        let provider = vector.provider();
        let scheme = provider.verifier().unwrap().scheme();
        if scheme.covers().includes_body() {
            let changed = format!("{} ", vector.body);
            let key = vector.key(&provider, &changed, vector.now);
            assert!(key.is_err(), "{}: a blank behind the body", vector.of);
            if !vector.body.is_empty() {
                let middle = vector.body.len() / 2;
                let mut bytes = vector.body.as_bytes().to_vec();
                bytes[middle] ^= 1;
                let changed = String::from_utf8(bytes).unwrap();
                let key = vector.key(&provider, &changed, vector.now);
                assert!(key.is_err(), "{}: a byte in the body", vector.of);
            }
        }
        let other = vector.of_another_key();
        let key = vector.key(&other, vector.body, vector.now);
        assert_eq!(key, Err(SignatureErrorKind::Mismatch), "{}", vector.of);
        if let Some(tolerance) = scheme.tolerance() {
            let late = vector.now + 2 * tolerance.as_secs() + 2;
            let key = vector.key(&provider, vector.body, late);
            assert_eq!(key, Err(SignatureErrorKind::TooOld), "{}", vector.of);
        }
    }
}

/// The same sender with such a key, if its signatures are verified by public keys.
#[cfg(feature = "asymmetric")]
fn by_private_key(
    mut provider: Provider,
    key: fn(PublicKeyAlgorithm) -> PrivateKey,
) -> Option<Provider> {
    let scheme = provider.verifier()?.scheme().clone();
    let key = key(scheme.public_key_algorithm()?);
    provider.signature = Some(Verifier::new(scheme, key));
    Some(provider)
}

/// Adapters repeat lines, and join lines of one name.
#[test]
fn lines_that_were_repeated_or_joined_count_once_with_each_sender() {
    let mut wrong = Vec::new();
    for vector in Vector::all() {
        for between in [None, Some(", "), Some(",")] {
            let mut headers = HeaderMap::new();
            for (name, value) in &vector.headers() {
                let Some(between) = between else {
                    headers.append(name, value.clone());
                    headers.append(name, value.clone());
                    continue;
                };
                let joined = [value.as_bytes(), between.as_bytes(), value.as_bytes()].concat();
                headers.append(name, HeaderValue::from_bytes(&joined).unwrap());
            }
            let key = vector.key_with(&vector.provider(), &headers, vector.body, vector.now);
            if key.as_deref() != Ok(vector.key) {
                wrong.push((vector.of, between, key));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A secret of the same form with one letter or digit changed.
fn other_secret(secret: &str) -> String {
    let at = secret.len() - 5;
    let mut bytes = secret.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn each_sender_has_a_vector_and_says_what_it_is() {
    let known: BTreeSet<_> = senders().map(SenderFacts::name).collect();
    let tried = Vector::all().map(|vector| vector.of);
    #[cfg(feature = "asymmetric")]
    let tried = tried.chain(Certified::all().map(|vector| vector.of));
    let tried: BTreeSet<_> = tried.collect();
    assert_eq!(known, tried);
    for sender in senders() {
        let texts = [
            sender.title(),
            sender.proof(),
            sender.event(),
            sender.challenge(),
            sender.source(),
            sender.assumed(),
        ];
        assert!(texts.iter().all(|text| !text.is_empty()), "{sender:?}");
        assert!(texts.iter().all(|text| !text.contains('|')), "{sender:?}");
    }
}

#[test]
fn each_sender_makes_a_layer_with_nothing_else_set_but_what_it_demands() {
    for vector in Vector::all() {
        let provider = vector.provider();
        let build = |provider| Webhook::new(provider).store(MemoryStore::new()).build();
        let built = build(provider.clone());
        if provider.verifier().unwrap().scheme().covers() != Coverage::Id {
            assert!(built.is_ok(), "{}: {built:?}", vector.of);
            continue;
        }
        let refused = built.unwrap_err().to_string();
        assert!(
            refused.contains("does not cover the body"),
            "{}: {refused}",
            vector.of
        );
        assert!(
            build(provider.clone().without_confirmation()).is_ok(),
            "{}",
            vector.of
        );
        let asked = provider.confirm(async |_| Confirmation::Confirmed);
        assert!(build(asked).is_ok(), "{}", vector.of);
    }
}

#[cfg(feature = "testing")]
#[test]
fn a_test_delivery_of_each_sender_is_right_until_it_is_made_wrong() {
    use bytes::Bytes;

    use crate::testing::TestDelivery;

    let mut wrong = Vec::new();
    for vector in Vector::all() {
        let provider = vector.provider();
        #[cfg(feature = "asymmetric")]
        let provider = by_private_key(provider.clone(), PrivateKey::for_tests).unwrap_or(provider);
        let scheme = provider.verifier().unwrap().scheme();
        let path = vector.uri.split('?').next().unwrap();
        let verify = |delivery: TestDelivery| {
            let delivery = delivery.at(UnixTime::from_secs(vector.now)).to(path);
            let request = delivery.request::<Bytes>().unwrap();
            let now = UnixTime::from_secs(vector.now);
            let verified = (provider.verifier().unwrap()).verify(&request, request.body(), now);
            verified.map(|_| ()).map_err(|error| error.kind())
        };
        let right = || TestDelivery::new(&provider, vector.body);
        let mut tries = vec![
            ("right", verify(right()).is_ok()),
            (
                "secret",
                verify(right().wrong_secret()) == Err(SignatureErrorKind::Mismatch),
            ),
            ("signature", verify(right().signature_changed()).is_err()),
        ];
        // If the signature or the token is in the body, the vector's own one is there.
        let proofs = ["ignature\":", "ignature=", vector.secret];
        if !proofs.iter().any(|proof| vector.body.contains(proof)) {
            tries.push(("unsigned", verify(right().without_signature()).is_err()));
        }
        if scheme.covers().includes_body() {
            tries.push(("body", verify(right().body_changed()).is_err()));
        }
        if scheme.tolerance().is_some() {
            tries.push(("time", verify(right().timestamp_changed()).is_err()));
            let old = verify(right().aged(std::time::Duration::from_secs(100_000)));
            tries.push(("stale", old == Err(SignatureErrorKind::TooOld)));
        }
        let failed = tries.into_iter().filter(|(_, fine)| !fine);
        wrong.extend(failed.map(|(what, _)| (vector.of, what)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Any answer of a handler: the test kit's sender follows the contract, and would otherwise retry.
#[cfg(feature = "testing")]
#[tokio::test(start_paused = true)]
async fn each_sender_takes_what_a_handler_answers_for_success() {
    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Full;
    use tower::Layer;

    use crate::testing::{Sender, TestDelivery, TokioClock};

    let mut wrong = Vec::new();
    for vector in Vector::all() {
        let mut provider = vector.provider();
        #[cfg(feature = "asymmetric")]
        if let Some(signing) = by_private_key(provider.clone(), PrivateKey::for_tests) {
            provider = signing;
        }
        if provider.verifier().unwrap().scheme().covers() == Coverage::Id {
            provider = provider.without_confirmation();
        }
        for status in [200, 202, 204] {
            let clock = TokioClock::default();
            let webhook = Webhook::new(provider.clone())
                .store(MemoryStore::new())
                .clock(clock.clone());
            let handler = move |_: Request<Full<Bytes>>| async move {
                let response = Response::builder().status(status);
                Ok::<_, std::convert::Infallible>(response.body(Full::default()).unwrap())
            };
            let layer = webhook.build().unwrap();
            let service = layer.layer(tower::service_fn(handler));
            let sender = Sender::new(provider.contract().clone()).clock(clock);
            let path = vector.uri.split('?').next().unwrap();
            let delivery = TestDelivery::new(&provider, vector.body).to(path);
            let history = sender.deliver(service, [delivery]).await.unwrap().remove(0);
            let statuses: Vec<_> = history.statuses().map(|it| it.as_u16()).collect();
            if history.is_lost() || statuses.len() != 1 {
                wrong.push((vector.of, status, statuses));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `docs/schemes.md` describes these senders in its own format.
#[test]
fn a_scheme_from_a_file_takes_what_its_preset_takes() {
    let mut tried = 0;
    for file in crate::provider::file::shown() {
        let name = file.name().to_string();
        for vector in Vector::all().filter(|vector| vector.of == name) {
            let ring = crate::secret::KeyRing::parse(file.secret_format(), [vector.secret]);
            let Ok(ring) = ring else { continue };
            if !vector.url.starts_with("https://hooks.example") {
                continue;
            }
            let provider = file.provider(ring).unwrap();
            let key = vector.key(&provider, vector.body, vector.now);
            let known = vector.key.trim_start_matches("unknown:event:");
            assert_eq!(key.as_deref(), Ok(known), "{name}");
            tried += 1;
        }
    }
    assert_eq!(tried, if cfg!(feature = "jwt") { 8 } else { 6 });
}

#[cfg(feature = "jwt")]
#[test]
fn the_page_of_senders_is_that_of_today() {
    let written = include_str!("../../../docs/senders.md");
    assert!(
        senders_page() == written,
        "docs/senders.md is old: run scripts/senders"
    );
}
