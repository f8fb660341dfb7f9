//! A delivery, what stands in it, and the verdicts on it.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use tower_webhook::provider::{self, standard_webhooks, stripe as our_stripe};
use tower_webhook::{Name, UnixTime};

use crate::rules::Peer;

/// What arrives, and the secret as it is configured.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    pub stripe: bool,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Vec<u8>,
    pub now: u64,
    /// How far the time lies from now: peers that read the clock are not asked at the window's edge.
    pub away: i64,
    pub secret: String,
    /// The bytes that the secret stands for.
    pub key: Vec<u8>,
    pub unpadded_secret: bool,
    pub trailing_bits: bool,
}

impl Delivery {
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [
            "stripe-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "svix-id",
            "svix-timestamp",
            "svix-signature",
        ]
        .into_iter()
    }

    pub fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(name, _)| *name == wanted)
            .map(|(_, value)| &**value)
    }

    pub fn ids(&self) -> impl Iterator<Item = &[u8]> {
        self.all("webhook-id").chain(self.all("svix-id"))
    }

    pub fn signature_headers(&self) -> impl Iterator<Item = &[u8]> {
        self.all("stripe-signature")
            .chain(self.all("webhook-signature"))
            .chain(self.all("svix-signature"))
    }

    /// The elements of each signature header, without the blanks around them.
    pub fn each_header(&self) -> impl Iterator<Item = Vec<&[u8]>> {
        let between = |byte: &u8| {
            if self.stripe {
                *byte == b','
            } else {
                matches!(byte, b' ' | b'\t')
            }
        };
        self.signature_headers().map(move |value| {
            value
                .split(between)
                .map(<[u8]>::trim_ascii)
                .filter(|element| !element.is_empty())
                .collect()
        })
    }

    /// The elements of all signature headers.
    pub fn elements(&self) -> Vec<&[u8]> {
        self.each_header().flatten().collect()
    }

    /// Whether blanks stand where the scheme itself writes none.
    pub fn has_blanks(&self) -> bool {
        let (between, blank): (u8, fn(&u8) -> bool) = if self.stripe {
            (b',', |byte| matches!(byte, b' ' | b'\t'))
        } else {
            (b' ', |byte| *byte == b'\t')
        };
        self.signature_headers().any(|value| {
            value
                .split(|byte| *byte == between)
                .any(|element| element.is_empty() || element.iter().any(blank))
        })
    }

    /// Whether a header is one text again and again, with commas between, or has its time twice.
    pub fn is_joined(&self) -> bool {
        let times = self.stripe && self.timestamps().len() > 1;
        times
            || self.headers.iter().any(|(_, value)| {
                (1..value.len()).any(|at| {
                    let (first, rest) = value.split_at(at);
                    rest.len() % (at + 1) == 0
                        && rest
                            .chunks(at + 1)
                            .all(|part| part[0] == b',' && part[1..] == *first)
                })
            })
    }

    pub fn timestamps(&self) -> Vec<&[u8]> {
        if self.stripe {
            self.elements()
                .into_iter()
                .filter_map(|text| text.strip_prefix(b"t="))
                .map(<[u8]>::trim_ascii)
                .collect()
        } else {
            self.all("webhook-timestamp")
                .chain(self.all("svix-timestamp"))
                .collect()
        }
    }

    /// Whether some signature of our version does not stand for 32 bytes.
    pub fn has_broken_signature(&self) -> bool {
        self.elements().iter().any(|text| {
            let decoded = if self.stripe {
                let Some(text) = text.strip_prefix(b"v1=") else {
                    return false;
                };
                data_encoding::HEXLOWER_PERMISSIVE.decode(text).ok()
            } else {
                let Some(text) = text.strip_prefix(b"v1,") else {
                    return false;
                };
                // In one piece: this library takes padding between two blocks too.
                let one = !text.strip_suffix(b"=").unwrap_or(text).contains(&b'=');
                data_encoding::BASE64.decode(text).ok().filter(|_| one)
            };
            decoded.is_none_or(|bytes| bytes.len() != 32)
        })
    }

    /// The signature that stands for what this Stripe delivery signs.
    pub fn right_hex(&self) -> String {
        let time = self.timestamps().first().copied().unwrap_or_default();
        data_encoding::HEXLOWER.encode(&mac(&self.key, &[time, b".", &self.body]))
    }

    pub fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let value =
                HeaderValue::from_bytes(value).expect("the generators make values that HTTP takes");
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    pub fn ours(&self, headers: &HeaderMap) -> Result<(), String> {
        let provider = if self.stripe {
            our_stripe::keys([&self.secret]).map(provider::stripe)
        } else {
            let acme = Name::new("acme").map_err(|error| error.to_string())?;
            standard_webhooks::keys([&self.secret])
                .map(|keys| provider::standard_webhooks(acme, keys))
        };
        let provider = provider.map_err(|error| error.to_string())?;
        let verifier = provider.verifier().ok_or("it signs")?;
        verifier
            .verify(headers, &self.body, UnixTime::from_secs(self.now))
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    pub fn peers(&self, headers: &HeaderMap) -> Vec<(Peer, Result<(), String>)> {
        let kind = if self.stripe {
            webhook_verify::Provider::Stripe
        } else {
            webhook_verify::Provider::StandardWebhooks
        };
        let secret = webhook_verify::Secret::new(self.secret.as_str());
        let options =
            webhook_verify::VerifyOptions::default().with_clock(Some(Arc::new(Fixed(self.now))));
        let verdict = webhook_verify::verify(kind, headers, &self.body, &secret, options)
            .map_err(|error| error.to_string());
        let mut verdicts = vec![(Peer::WebhookVerify, verdict)];
        let at_the_edge = (295..=305).contains(&self.away.abs());
        if !self.stripe && !at_the_edge {
            // Its `now - timestamp` overflows here, which panics or accepts.
            let overflows = self
                .timestamps()
                .contains(&b"-9223372036854775808".as_slice());
            if !overflows {
                let verdict = standardwebhooks::Webhook::new(&self.secret)
                    .and_then(|peer| peer.verify(&self.body, headers));
                verdicts.push((
                    Peer::StandardWebhooks,
                    verdict.map_err(|error| error.to_string()),
                ));
            }
            #[cfg(feature = "svix")]
            {
                let verdict = svix::webhooks::Webhook::new(&self.secret)
                    .and_then(|peer| peer.verify(&self.body, headers));
                verdicts.push((Peer::Svix, verdict.map_err(|error| error.to_string())));
            }
        }
        verdicts
    }
}

struct Fixed(u64);

impl webhook_verify::Clock for Fixed {
    fn now(&self) -> u64 {
        self.0
    }
}

pub fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
