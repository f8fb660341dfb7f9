//! A source under paused time: what it fetches, and what it answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, advance, timeout};

use super::*;
use crate::asymmetric::{KeyKind, PublicKey};
use crate::secret::{Found, KeyLookup, KeyRing, SigningKey};

/// RFC 8032, section 7.1, test 1.
const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn key(id: &str) -> SigningKey {
    SigningKey::public(id, PublicKey::parse(KeyKind::Ed25519, KEY).unwrap())
}

/// A sender's API whose keys can change, and that can be out of reach.
#[derive(Clone, Default)]
struct Api {
    /// `None` where it is out of reach.
    keys: Arc<Mutex<Option<Vec<&'static str>>>>,
    asked: Arc<AtomicUsize>,
    /// The requested ids.
    ids: Arc<Mutex<Vec<String>>>,
    takes: Arc<Mutex<Duration>>,
}

impl Api {
    fn with(keys: &[&'static str]) -> Self {
        let api = Self::default();
        api.has(keys);
        api
    }

    fn has(&self, keys: &[&'static str]) {
        *self.keys.lock().unwrap() = Some(keys.to_vec());
    }

    fn is_away(&self) {
        *self.keys.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl FetchKeys for Api {
    async fn fetch(&self, id: &str) -> Result<Vec<SigningKey>, FetchError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.ids.lock().unwrap().push(id.to_owned());
        let takes = *self.takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        let keys = self.keys.lock().unwrap().clone();
        let keys = keys.ok_or_else(|| FetchError::new("out of reach"))?;
        let wanted = keys.into_iter().filter(|key| id.is_empty() || *key == id);
        Ok(wanted.map(key).collect())
    }
}

fn source(source: KeySource) -> Arc<dyn KeyLookup> {
    Arc::clone(KeyRing::from(source).source().unwrap())
}

/// The outcome of a delivery that names this key and waits at most four seconds.
async fn deliver(source: &Arc<dyn KeyLookup>, id: &str) -> &'static str {
    // No two deliveries arrive at the same moment.
    advance(Duration::from_millis(1)).await;
    let arrived = Instant::now();
    if let Some(fetch) = source.fetch(id, arrived) {
        let _ = timeout(Duration::from_secs(4), fetch).await;
    }
    match source.look(id, arrived) {
        Found::Keys(_) => "proved",
        Found::Unknown => "401",
        Found::NotNow => "503",
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_id_is_refused_only_by_a_fetch_that_began_later() {
    let api = Api::with(&["a"]);
    let source = source(KeySource::list(api.clone()));
    assert_eq!(deliver(&source, "a").await, "proved");
    assert_eq!(api.asked(), 1);
    // During the cool-down, this may be a key that is newer than the list.
    assert_eq!(deliver(&source, "b").await, "503");
    assert_eq!(api.asked(), 1);
    api.has(&["a", "b"]);
    advance(Duration::from_secs(60)).await;
    assert_eq!(deliver(&source, "b").await, "proved");
    assert_eq!(api.asked(), 2);
    advance(Duration::from_secs(60)).await;
    assert_eq!(deliver(&source, "c").await, "401");
    assert_eq!(api.asked(), 3);
    assert_eq!(deliver(&source, "a").await, "proved");
    assert_eq!(api.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_ids_asks_once_a_minute() {
    let api = Api::with(&["a"]);
    let source = source(KeySource::list(api.clone()));
    // A thousand a second for three minutes, each with another id.
    let began = Instant::now();
    let mut number = 0_u32;
    while began.elapsed() < Duration::from_secs(180) {
        for _ in 0..100 {
            number += 1;
            let id = format!("made-up-{number}");
            if let Some(fetch) = source.fetch(&id, Instant::now()) {
                tokio::spawn(timeout(Duration::from_secs(4), fetch));
            }
        }
        advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
    assert!(number >= 180_000, "{number}");
    assert!((3..=4).contains(&api.asked()), "{}", api.asked());
    assert_eq!(deliver(&source, "a").await, "proved");
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_come_together_share_one_fetch() {
    let api = Api::with(&["a"]);
    *api.takes.lock().unwrap() = Duration::from_secs(2);
    let source = source(KeySource::list(api.clone()));
    let all = (0..100).map(|_| deliver(&source, "a"));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|answer| *answer == "proved"), "{all:?}");
    assert_eq!(api.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_counts_while_nobody_answers() {
    let api = Api::with(&["a"]);
    let source = source(KeySource::list(api.clone()));
    assert_eq!(deliver(&source, "a").await, "proved");
    api.is_away();
    for _ in 0..6 * 24 {
        advance(Duration::from_secs(3_600)).await;
        assert_eq!(deliver(&source, "a").await, "proved");
    }
    // They are fetched again in the background, every hour or two.
    assert!((60..=145).contains(&api.asked()), "{}", api.asked());
    advance(Duration::from_secs(2 * 24 * 3_600)).await;
    assert_eq!(deliver(&source, "a").await, "503", "older than a week");
    api.has(&["a"]);
    advance(Duration::from_secs(60)).await;
    assert_eq!(deliver(&source, "a").await, "proved");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_no_reason_to_refuse() {
    let api = Api::default();
    let source = source(KeySource::list(api.clone()));
    assert_eq!(deliver(&source, "a").await, "503");
    api.has(&["a"]);
    // A fetch that takes longer than the delivery waits is done for the next delivery.
    *api.takes.lock().unwrap() = Duration::from_secs(6);
    advance(Duration::from_secs(60)).await;
    assert_eq!(deliver(&source, "a").await, "503");
    advance(Duration::from_secs(3)).await;
    assert_eq!(deliver(&source, "a").await, "proved");
    assert_eq!(api.asked(), 2);
    // A fetch that never answers is given up.
    *api.takes.lock().unwrap() = Duration::from_secs(1_000_000);
    advance(Duration::from_secs(3_601)).await;
    assert_eq!(deliver(&source, "a").await, "proved");
    advance(Duration::from_secs(61)).await;
    assert_eq!(deliver(&source, "a").await, "proved");
    assert!((3..=4).contains(&api.asked()), "{}", api.asked());
}

#[tokio::test(start_paused = true)]
async fn each_id_is_asked_for_once_and_ten_in_a_minute() {
    let api = Api::with(&["real"]);
    let source = source(KeySource::by_id(api.clone()));
    assert_eq!(deliver(&source, "real").await, "proved");
    let began = Instant::now();
    let mut number = 0_u32;
    while began.elapsed() < Duration::from_secs(120) {
        number += 1;
        // Every second delivery repeats an id.
        let id = format!("made-up-{}", number / 2);
        if let Some(fetch) = source.fetch(&id, Instant::now()) {
            tokio::spawn(timeout(Duration::from_secs(4), fetch));
        }
        if number.is_multiple_of(100) {
            assert_eq!(deliver(&source, "real").await, "proved");
        }
        advance(Duration::from_millis(10)).await;
        tokio::task::yield_now().await;
    }
    let ids = api.ids.lock().unwrap().clone();
    assert!((20..=31).contains(&ids.len()), "{}", ids.len());
    let mut different = ids.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), ids.len(), "none was asked for twice");
}

#[tokio::test(start_paused = true)]
async fn no_id_that_waits_is_kept_out_by_those_that_came_before() {
    // With ten a minute used up, many ids wait for the next turn, and chance decides which is
    // fetched.
    let mut drawn_last = 0;
    for _ in 0..40 {
        let api = Api::with(&["real"]);
        let source = source(KeySource::by_id(api.clone()));
        for number in 0..10 {
            deliver(&source, &format!("made-up-{number}")).await;
        }
        let waiting: Vec<_> = ["x", "y", "real"]
            .into_iter()
            .filter_map(|id| source.fetch(id, Instant::now()))
            .collect();
        assert_eq!(waiting.len(), 3);
        advance(Duration::from_secs(60)).await;
        let _ = timeout(
            Duration::from_millis(1),
            futures_util::future::join_all(waiting),
        )
        .await;
        let ids = api.ids.lock().unwrap();
        drawn_last += usize::from(ids.get(10).is_some_and(|id| id == "real"));
    }
    // A third of forty is expected: none or all is less likely than one in ten million.
    assert!((1..40).contains(&drawn_last), "{drawn_last}");
}

/// Like [`HttpCertificates`] for URLs that are not the sender's.
#[derive(Clone)]
struct OfSender(Api);

impl FetchKeys for OfSender {
    fn may_fetch(&self, id: &str) -> bool {
        !id.starts_with("https://evil.example/")
    }

    async fn fetch(&self, id: &str) -> Result<Vec<SigningKey>, FetchError> {
        self.0.fetch(id).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_cannot_be_is_unknown_at_once_and_takes_no_turn() {
    let api = Api::with(&["real"]);
    let source = source(KeySource::by_id(OfSender(api.clone())));
    for number in 0..5_000 {
        let id = format!("https://evil.example/{number}.pem");
        assert_eq!(deliver(&source, &id).await, "401");
    }
    assert_eq!(api.asked(), 0);
    assert_eq!(deliver(&source, "real").await, "proved");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_there_is_none_of_is_asked_for_again_after_the_cool_down() {
    let api = Api::with(&[]);
    let source = source(KeySource::by_id(api.clone()));
    assert_eq!(deliver(&source, "new").await, "401");
    assert_eq!(deliver(&source, "new").await, "503");
    assert_eq!(api.asked(), 1);
    api.has(&["new"]);
    advance(Duration::from_secs(60)).await;
    assert_eq!(deliver(&source, "new").await, "proved");
    assert_eq!(api.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded_and_keys_stay_longest() {
    let api = Api::with(&["real"]);
    let source = source(KeySource::by_id(api.clone()));
    assert_eq!(deliver(&source, "real").await, "proved");
    for number in 0..400 {
        advance(Duration::from_secs(6)).await;
        deliver(&source, &format!("made-up-{number}")).await;
    }
    let asked = api.asked();
    assert_eq!(deliver(&source, "real").await, "proved");
    assert_eq!(api.asked(), asked);
}

#[test]
fn documents_are_read_in_each_form() {
    let pem = include_str!("../../tests/data/keys_p256.pem");
    let kind = KeyKind::Ecdsa(crate::asymmetric::Curve::P256);
    let ids = |document: &KeyDocument, id: &str, text: &str| {
        let keys = document.keys(id, text.as_bytes()).unwrap();
        keys.iter()
            .map(|key| key.id().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&KeyDocument::Text(kind), "a", pem), ["a"]);
    assert_eq!(
        ids(&KeyDocument::Pem(kind), "", &format!("{pem}\n{pem}")),
        ["1", "2"]
    );
    let inner: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let list = KeyDocument::Json {
        list: "/keys".into(),
        key: "/key".into(),
        id: Some("/name".into()),
        kind,
    };
    let text = serde_json::json!({ "keys": [{ "key": inner, "name": "b" }, { "name": "no key" }] });
    assert_eq!(ids(&list, "", &text.to_string()), ["b"]);
    for wrong in ["", "{}", r#"{"keys":[{"name":"a"}]}"#, r#"{"keys":"#] {
        assert!(list.keys("", wrong.as_bytes()).is_err(), "{wrong}");
    }
    assert!(KeyDocument::Jwks.keys("", b"{}").is_err());
    assert!(
        KeyDocument::Jwks
            .keys("", br#"{"keys":[]}"#)
            .unwrap()
            .is_empty()
    );
    // RFC 7517, section 5: keys of unknown kinds are ignored. Appendix A.1 has the second one.
    let text = serde_json::json!({ "keys": [
        { "kty": "AKP", "kid": "next", "alg": "ML-DSA-44", "pub": "AQID" },
        { "kty": "EC", "kid": "now", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
          "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" },
        { "kty": "OKP", "kid": "to encrypt", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08" },
    ] });
    assert_eq!(ids(&KeyDocument::Jwks, "", &text.to_string()), ["now"]);
    let long = " ".repeat(300_000);
    assert!(KeyDocument::Jwks.keys("", long.as_bytes()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_is_wrong_has_keys_fetched_again_once_in_a_cool_down() {
    let api = Api::with(&["a"]);
    let source = source(KeySource::list(api.clone()));
    assert_eq!(deliver(&source, "").await, "proved");
    assert_eq!(api.asked(), 1);
    // The sender signs with a new key and names none: the known keys cannot prove it.
    api.has(&["b"]);
    for _ in 0..100 {
        source.doubt("");
    }
    assert_eq!(api.asked(), 1, "the cool-down runs");
    advance(Duration::from_secs(60)).await;
    for _ in 0..100 {
        source.doubt("");
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(api.asked(), 2);
    assert_eq!(deliver(&source, "b").await, "proved");
    // An unknown id is fetched by a delivery that waits for it, not by a doubt.
    source.doubt("c");
    advance(Duration::from_secs(60)).await;
    source.doubt("c");
    tokio::task::yield_now().await;
    assert_eq!(api.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_no_known_key_has_signed_has_them_fetched_again() {
    let api = Api::with(&["a"]);
    let telnyx = crate::provider::telnyx(KeySource::list(api.clone()));
    let forged = async || {
        let request = ::http::Request::post("/")
            .header("telnyx-timestamp", "1777899600")
            .header(
                "telnyx-signature-ed25519",
                data_encoding::BASE64.encode(&[7; 64]),
            )
            .body(())
            .unwrap();
        let now = crate::UnixTime::from_secs(1_777_899_600);
        let check = telnyx.verifier().unwrap().begin(&request, now).unwrap();
        let judged = check.finish_with_keys(b"{}", now).await;
        assert_eq!(
            judged.unwrap_err().kind(),
            crate::signature::SignatureErrorKind::Mismatch
        );
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    };
    forged().await;
    forged().await;
    assert_eq!(api.asked(), 1);
    advance(Duration::from_secs(60)).await;
    forged().await;
    forged().await;
    assert_eq!(api.asked(), 2);
}
