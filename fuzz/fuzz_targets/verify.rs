//! Deliveries signed by an independent HMAC: an unchanged one is always accepted, at any split into
//! frames and beside any other signatures; one whose signed content, signature or secret differs in
//! any byte never is.
#![no_main]

use arbitrary::Arbitrary;
use data_encoding::{BASE64, HEXLOWER};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use ring::hmac;
use tower_webhook::signature::{Component, Scheme, SignatureErrorKind as Kind, Verifier};
use tower_webhook::{Encoding, KeyRing, SigningKey, SigningSecret, UnixTime};

#[derive(Arbitrary, Debug)]
enum Style {
    Stripe,
    GitHub,
    Shopify,
    Slack,
    Standard,
    BodyFirst,
}

#[derive(Arbitrary, Debug)]
enum Change {
    BodyByte(usize, u8),
    BodyCut(usize),
    BodyMore(u8),
    Time(u64),
    Id(String),
    HeaderByte(usize, u8),
    Secret(usize, u8),
}

#[derive(Arbitrary, Debug)]
struct Delivery {
    style: Style,
    secret: Vec<u8>,
    other_secret: Option<Vec<u8>>,
    wrong_macs: Vec<[u8; 32]>,
    time: u64,
    away: i64,
    id: String,
    body: Vec<u8>,
    frames: Vec<u8>,
    change: Change,
}

struct Signed {
    verifier: Verifier,
    headers: HeaderMap,
    /// How many signatures stand in the header.
    signatures: usize,
}

impl Delivery {
    fn signs_time(&self) -> bool {
        !matches!(self.style, Style::GitHub | Style::Shopify)
    }

    fn scheme(&self) -> Scheme {
        use Component::{Body, Id, Timestamp};
        let start = Scheme::builder("s");
        match self.style {
            Style::Stripe => start.pairs("t", "v1", Encoding::Hex).content([
                Timestamp,
                Component::literal("."),
                Body,
            ]),
            Style::GitHub => start.single("sha256=", Encoding::Hex),
            Style::Shopify => start.single("", Encoding::Base64),
            Style::Slack => start
                .single("v0=", Encoding::Hex)
                .timestamp_header("t")
                .content([
                    Component::literal("v0:"),
                    Timestamp,
                    Component::literal(":"),
                    Body,
                ]),
            Style::Standard => start
                .list("v1,", Encoding::Base64)
                .timestamp_header("t")
                .id_header("i")
                .content([
                    Id,
                    Component::literal("."),
                    Timestamp,
                    Component::literal("."),
                    Body,
                ]),
            Style::BodyFirst => start
                .single("", Encoding::Hex)
                .timestamp_header("t")
                .content([
                    Body,
                    Component::literal("|"),
                    Timestamp,
                    Component::literal("|end"),
                ]),
        }
        .build()
        .unwrap()
    }

    /// What the sender signs, put together by hand.
    fn content(&self) -> Vec<u8> {
        let (t, id) = (self.time, &self.id);
        let (before, after) = match self.style {
            Style::Stripe => (format!("{t}."), String::new()),
            Style::GitHub | Style::Shopify => Default::default(),
            Style::Slack => (format!("v0:{t}:"), String::new()),
            Style::Standard => (format!("{id}.{t}."), String::new()),
            Style::BodyFirst => (String::new(), format!("|{t}|end")),
        };
        [before.as_bytes(), &self.body, after.as_bytes()].concat()
    }

    fn header(&self, mac: &[u8]) -> (String, usize) {
        let (hex, base64) = (
            |mac: &[u8]| HEXLOWER.encode(mac),
            |mac: &[u8]| BASE64.encode(mac),
        );
        let wrong = || self.wrong_macs.iter().take(63);
        match self.style {
            Style::Stripe => {
                let mut text = format!("t={},v0=x", self.time);
                let others = wrong().take(62).map(|mac| mac.as_slice());
                others
                    .chain([mac])
                    .for_each(|mac| text.push_str(&format!(",v1={}", hex(mac))));
                (text, wrong().take(62).count() + 1)
            }
            Style::GitHub => (format!("sha256={}", hex(mac)), 1),
            Style::Shopify => (base64(mac), 1),
            Style::Slack => (format!("v0={}", hex(mac)), 1),
            Style::Standard => {
                let mut text = format!("v1,{}", base64(mac));
                wrong().for_each(|mac| text.push_str(&format!(" v1,{}", base64(mac))));
                (text, wrong().count() + 1)
            }
            Style::BodyFirst => (hex(mac), 1),
        }
    }

    fn signed(&self) -> Option<Signed> {
        let key = |name: &str, secret: &[u8]| {
            Some(SigningKey::new(
                name,
                SigningSecret::from_bytes(secret).ok()?,
            ))
        };
        let keys = self
            .other_secret
            .iter()
            .filter_map(|secret| key("other", secret));
        let ring = KeyRing::new(keys.chain([key("right", &self.secret)?])).unwrap();
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, &self.secret),
            &self.content(),
        );
        let (value, signatures) = self.header(tag.as_ref());
        let mut headers = HeaderMap::new();
        headers.insert("s", HeaderValue::try_from(value).unwrap());
        if matches!(
            self.style,
            Style::Slack | Style::Standard | Style::BodyFirst
        ) {
            headers.insert("t", HeaderValue::from(self.time));
        }
        if matches!(self.style, Style::Standard) {
            headers.insert("i", HeaderValue::from_str(&self.id).ok()?);
        }
        Some(Signed {
            verifier: Verifier::new(self.scheme(), ring),
            headers,
            signatures,
        })
    }
}

fuzz_target!(|delivery: Delivery| {
    let mut delivery = delivery;
    delivery.time %= 10_000_000_000_000_000_000;
    // An id that is one text again and again, with commas between, is read as a joined line.
    delivery
        .id
        .retain(|c| c.is_ascii_graphic() && c != '.' && c != ',');
    delivery.id.truncate(256);
    if delivery.id.is_empty() {
        delivery.id.push('1');
    }
    let Some(Signed {
        verifier,
        mut headers,
        signatures,
    }) = delivery.signed()
    else {
        return;
    };
    let at = UnixTime::from_secs(delivery.time);

    // Unchanged, in frames.
    let mut check = verifier.begin(&headers, at).unwrap();
    let mut rest = delivery.body.as_slice();
    for frame in &delivery.frames {
        let (head, tail) = rest.split_at(usize::from(*frame).min(rest.len()));
        check.update(head);
        rest = tail;
    }
    check.update(rest);
    let verified = check.finish(at).unwrap();
    assert_eq!(verified.signed_at(), delivery.signs_time().then_some(at));
    let id = matches!(delivery.style, Style::Standard).then_some(delivery.id.as_str());
    assert_eq!(verified.id(), id);

    // At another time.
    let now = delivery.time.saturating_add_signed(delivery.away);
    let outcome = verifier.verify(&headers, &delivery.body, UnixTime::from_secs(now));
    let expected = if !delivery.signs_time() || now.abs_diff(delivery.time) <= 300 {
        None
    } else if now > delivery.time {
        Some(Kind::TooOld)
    } else {
        Some(Kind::TooNew)
    };
    assert_eq!(outcome.err().map(|error| error.kind()), expected);

    // Changed.
    let mut verifier = verifier;
    let mut body = delivery.body.clone();
    match &delivery.change {
        Change::BodyByte(at, flip) if !body.is_empty() && *flip != 0 => {
            let at = at % body.len();
            body[at] ^= flip;
        }
        Change::BodyCut(at) if !body.is_empty() => body.truncate(at % body.len()),
        Change::BodyMore(byte) => body.push(*byte),
        Change::Time(time) if delivery.signs_time() && *time != delivery.time => {
            let value = HeaderValue::from(*time);
            if headers.insert("t", value).is_none() {
                let text = headers["s"].to_str().unwrap();
                let moved =
                    text.replacen(&format!("t={},", delivery.time), &format!("t={time},"), 1);
                headers.remove("t");
                headers.insert("s", HeaderValue::try_from(moved).unwrap());
            }
        }
        Change::Id(id)
            if matches!(delivery.style, Style::Standard)
                && *id != delivery.id
                && !id.contains(',') =>
        {
            let Ok(id) = HeaderValue::from_str(id) else {
                return;
            };
            headers.insert("i", id);
        }
        // Of several signatures one that is wrong may change.
        Change::HeaderByte(at, flip) if signatures == 1 && *flip != 0 => {
            let mut value = headers["s"].as_bytes().to_vec();
            let at = at % value.len();
            // The version that is passed over may read otherwise.
            if matches!(delivery.style, Style::Stripe)
                && (value[at] == b'x' || at < value.len() - 68)
            {
                return;
            }
            value[at] ^= flip;
            let Ok(value) = HeaderValue::from_bytes(&value) else {
                return;
            };
            headers.insert("s", value);
        }
        Change::Secret(at, flip) if *flip != 0 && delivery.other_secret.is_none() => {
            let mut secret = delivery.secret.clone();
            let at = at % secret.len();
            secret[at] ^= flip;
            let Ok(secret) = SigningSecret::from_bytes(&secret) else {
                return;
            };
            verifier = Verifier::new(delivery.scheme(), secret);
        }
        _ => return,
    }
    let outcome = verifier.verify(&headers, &body, at);
    assert!(outcome.is_err(), "{:?} is accepted", delivery.change);
});
