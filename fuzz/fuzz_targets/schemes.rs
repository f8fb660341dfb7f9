//! Deliveries of the wider model, signed by an independent HMAC by hand: an unchanged one is always
//! accepted, and one whose covered content, signature or secret differs in any byte never is.
#![no_main]

use arbitrary::Arbitrary;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use ring::{digest, hmac};
use tower_webhook::signature::{
    Algorithm, Component, Place, PublicUrl, Scheme, SchemeBuilder, TimeFormat, Verifier,
};
use tower_webhook::{Digest, Encoding, RequestHead, SigningSecret, UnixTime};

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Style {
    Sha1Url,
    Sha512Upper,
    Sha384Url64,
    PlainHash,
    MillisTouching,
    TimeBehind,
    MethodUrl,
    IdTimeBody,
    DigestOfBody,
    InQuery,
    Semicolons,
    TimeInBody,
}

#[derive(Arbitrary, Debug)]
enum Change {
    Body(usize, u8),
    Longer(u8),
    Shorter,
    Signature(usize, u8),
    Time(u32),
    Id(u8),
    Query(u8),
    Secret(usize, u8),
}

#[derive(Arbitrary, Debug)]
struct Delivery {
    style: Style,
    secret: [u8; 20],
    time: u32,
    id: [u8; 16],
    text: Vec<u8>,
    query: u8,
    change: Change,
}

const URL: &str = "https://a.example/hooks";

/// A request, in the parts that a change can reach.
#[derive(Clone)]
struct Sent {
    signature: String,
    time: String,
    id: String,
    query: String,
    body: Vec<u8>,
}

impl Delivery {
    fn body(&self) -> Vec<u8> {
        // Any bytes between two brackets, but for those that end a member.
        let mut body = format!("{{\"at\":{},\"b\":\"", self.millis()).into_bytes();
        body.extend(
            self.text
                .iter()
                .filter(|byte| !matches!(byte, b'"' | b'\\' | b'\n')),
        );
        body.extend_from_slice(b"\"}");
        body
    }

    fn millis(&self) -> u64 {
        u64::from(self.time) * 1000 + 1
    }

    fn time(&self) -> String {
        match self.style {
            Style::TimeBehind | Style::IdTimeBody => {
                UnixTime::from_secs(u64::from(self.time)).to_rfc3339()
            }
            Style::MillisTouching => self.millis().to_string(),
            _ => self.time.to_string(),
        }
    }

    fn id(&self) -> String {
        HEXLOWER.encode(&self.id)
    }

    /// The scheme as the crate says it.
    fn scheme(&self) -> SchemeBuilder {
        use Component::{Body, Id, Timestamp};
        let start = || Scheme::builder("s").algorithm(Algorithm::Hmac(Digest::Sha256));
        let hmac = |digest| Scheme::builder("s").algorithm(Algorithm::Hmac(digest));
        let url = || PublicUrl::parse(URL).unwrap();
        match self.style {
            Style::Sha1Url => hmac(Digest::Sha1)
                .content([Component::PublicUrl, Body])
                .public_url(url()),
            Style::Sha512Upper => hmac(Digest::Sha512).single("sha512=", Encoding::HexUpper),
            Style::Sha384Url64 => hmac(Digest::Sha384).single("", Encoding::Base64Url),
            Style::PlainHash => Scheme::builder("s")
                .algorithm(Algorithm::Hash(Digest::Sha256))
                .content([Component::Secret, Component::literal("-"), Body]),
            Style::MillisTouching => start()
                .timestamp_at(Place::header("t"), TimeFormat::Milliseconds)
                .content([Timestamp, Body]),
            Style::TimeBehind => start()
                .timestamp_at(Place::header("t"), TimeFormat::Rfc3339)
                .content([Body, Timestamp]),
            Style::MethodUrl => start()
                .content([Component::Method, Component::RequestUrl, Body])
                .public_url(url()),
            Style::IdTimeBody => start()
                .id_at(Place::header("i"))
                .timestamp_at(Place::header("t"), TimeFormat::Rfc3339)
                .content([Id.of_length(32), Timestamp, Body]),
            Style::DigestOfBody => start().id_at(Place::header("i")).content([
                Id,
                Component::literal("|"),
                Component::BodyDigest(Digest::Sha256, None),
            ]),
            Style::InQuery => {
                Scheme::at(Place::query("s")).algorithm(Algorithm::Hmac(Digest::Sha256))
            }
            Style::Semicolons => start()
                .pairs("ts", "h1", Encoding::Hex)
                .separator(';')
                .content([Timestamp, Component::literal(":"), Body]),
            Style::TimeInBody => {
                start().timestamp_at(Place::member("/at"), TimeFormat::Milliseconds)
            }
        }
    }

    /// The request as its sender makes it.
    fn sent(&self, secret: &[u8]) -> Sent {
        let (time, id, body) = (self.time(), self.id(), self.body());
        let query = format!("q={}", self.query);
        let mac = |algorithm, pieces: &[&[u8]]| {
            let key = hmac::Key::new(algorithm, secret);
            hmac::sign(&key, &pieces.concat()).as_ref().to_vec()
        };
        let sha256 = |pieces: &[&[u8]]| HEXLOWER.encode(&mac(hmac::HMAC_SHA256, pieces));
        let (t, i) = (time.as_bytes(), id.as_bytes());
        let signature = match self.style {
            Style::Sha1Url => HEXLOWER.encode(&mac(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                &[URL.as_bytes(), &body],
            )),
            Style::Sha512Upper => {
                format!(
                    "sha512={}",
                    HEXUPPER.encode(&mac(hmac::HMAC_SHA512, &[&body]))
                )
            }
            Style::Sha384Url64 => BASE64URL_NOPAD.encode(&mac(hmac::HMAC_SHA384, &[&body])),
            Style::PlainHash => {
                let content = [secret, b"-", &body].concat();
                HEXLOWER.encode(digest::digest(&digest::SHA256, &content).as_ref())
            }
            Style::MillisTouching => sha256(&[t, &body]),
            Style::TimeBehind => sha256(&[&body, t]),
            Style::MethodUrl => sha256(&[b"POST", format!("{URL}?{query}").as_bytes(), &body]),
            Style::IdTimeBody => sha256(&[i, t, &body]),
            Style::DigestOfBody => {
                sha256(&[i, b"|", digest::digest(&digest::SHA256, &body).as_ref()])
            }
            Style::InQuery | Style::TimeInBody => sha256(&[&body]),
            Style::Semicolons => format!("ts={time};h1={}", sha256(&[t, b":", &body])),
        };
        Sent {
            signature,
            time,
            id,
            query,
            body,
        }
    }

    fn accepts(&self, sent: &Sent, secret: &[u8]) -> bool {
        let secret = SigningSecret::from_bytes(secret).unwrap();
        let verifier = Verifier::new(self.scheme().build().unwrap(), secret);
        let mut headers = HeaderMap::new();
        let value = |text: &str| HeaderValue::from_str(text).ok();
        let mut query = sent.query.clone();
        if let Style::InQuery = self.style {
            query = format!("{query}&s={}", sent.signature);
        } else {
            headers
                .extend(value(&sent.signature).map(|value| (HeaderName::from_static("s"), value)));
        }
        for (name, text) in [("t", &sent.time), ("i", &sent.id)] {
            headers.extend(value(text).map(|value| (name.parse::<HeaderName>().unwrap(), value)));
        }
        let Ok(uri) = format!("/hooks?{query}").parse::<Uri>() else {
            return false;
        };
        let head = RequestHead::new(&Method::POST, &uri, &headers);
        let now = UnixTime::from_secs(u64::from(self.time));
        verifier.verify(head, &sent.body, now).is_ok()
    }
}

fuzz_target!(|delivery: Delivery| {
    let mut secret = delivery.secret;
    secret[0] = b'k';
    let right = delivery.sent(&secret);
    assert!(delivery.accepts(&right, &secret), "{delivery:?}");

    let mut changed = right.clone();
    let signs_time = !matches!(
        delivery.style,
        Style::Sha1Url
            | Style::Sha512Upper
            | Style::Sha384Url64
            | Style::PlainHash
            | Style::MethodUrl
            | Style::DigestOfBody
            | Style::InQuery
            | Style::TimeInBody
    );
    match delivery.change {
        Change::Body(at, flip) if flip != 0 => {
            let at = at % changed.body.len();
            changed.body[at] ^= flip;
        }
        Change::Longer(byte) => changed.body.push(byte),
        Change::Shorter => {
            changed.body.pop();
        }
        Change::Signature(at, flip) if flip != 0 => {
            let mut bytes = changed.signature.into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let Ok(text) = String::from_utf8(bytes) else {
                return;
            };
            // What is cut off a query is not the signature's.
            if text.contains(['&', '#', '+', '%', ' ', '\t']) {
                return;
            }
            changed.signature = text;
        }
        Change::Time(time) if signs_time && time != delivery.time => {
            let other = Delivery {
                time,
                ..copy(&delivery)
            };
            changed.time = other.time();
            if let Style::Semicolons = delivery.style {
                let (_, mac) = changed.signature.split_once(';').unwrap();
                changed.signature = format!("ts={};{mac}", changed.time);
            }
        }
        Change::Id(flip)
            if flip != 0 && matches!(delivery.style, Style::IdTimeBody | Style::DigestOfBody) =>
        {
            let mut other = copy(&delivery);
            other.id[0] ^= flip;
            changed.id = other.id();
        }
        Change::Query(query)
            if query != delivery.query && matches!(delivery.style, Style::MethodUrl) =>
        {
            changed.query = format!("q={query}");
        }
        Change::Secret(at, flip) if flip != 0 => {
            let mut other = secret;
            let at = at % other.len();
            other[at] ^= flip;
            if other.iter().all(u8::is_ascii_whitespace) {
                return;
            }
            assert!(
                !delivery.accepts(&right, &other),
                "another secret: {delivery:?}"
            );
            return;
        }
        _ => return,
    }
    assert!(!delivery.accepts(&changed, &secret), "{delivery:?}");
});

fn copy(delivery: &Delivery) -> Delivery {
    Delivery {
        style: delivery.style,
        secret: delivery.secret,
        time: delivery.time,
        id: delivery.id,
        text: delivery.text.clone(),
        query: delivery.query,
        change: Change::Shorter,
    }
}
