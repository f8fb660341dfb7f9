//! No secret, path token or signature is ever written anywhere, and no body where none was asked
//! for.

mod deliveries;
mod printed;

use crate::support::presets::{PAYMENTS_SECRET, SECRET, TOKEN, WRONG_TOKEN};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// Stands in every body.
const BODY: &str = "zq4ybodyzq4y7t1m";
/// Stands in headers that carry credentials.
const CREDENTIAL: &str = "k8v2credentialk8v2";
/// Any so many bytes of a secret in a row are a leak.
const WINDOW: usize = 12;

/// What must not be found, in every spelling it could have.
#[derive(Clone, Default)]
struct Needles(Vec<(String, String)>);

impl Needles {
    fn add(&mut self, name: &str, secret: &[u8]) {
        let decimal: Vec<_> = secret.iter().map(ToString::to_string).collect();
        let percent = |hex: String| -> String {
            let pairs = hex.as_bytes().chunks(2);
            pairs.fold(String::new(), |text, pair| {
                format!("{text}%{}", std::str::from_utf8(pair).unwrap())
            })
        };
        let mut spellings = vec![
            HEXLOWER.encode(secret),
            HEXUPPER.encode(secret),
            BASE64.encode(secret),
            BASE64_NOPAD.encode(secret),
            BASE64URL_NOPAD.encode(secret),
            percent(HEXLOWER.encode(secret)),
            percent(HEXUPPER.encode(secret)),
            decimal.join(", "),
            secret.escape_ascii().to_string(),
        ];
        if let Ok(text) = std::str::from_utf8(secret) {
            // Base64 of what it stands in, and a part of it.
            for text in text.as_bytes().windows(WINDOW) {
                spellings.push(String::from_utf8(text.to_vec()).unwrap());
            }
            for skipped in 1..3 {
                let inner = &secret[skipped..secret.len() - secret.len() % 3];
                let whole = &inner[..inner.len() - inner.len() % 3];
                spellings.push(BASE64_NOPAD.encode(whole));
            }
        }
        for spelling in spellings {
            if !self.0.iter().any(|(_, other)| *other == spelling) {
                self.0.push((name.to_owned(), spelling));
            }
        }
    }

    /// A signature is its text and the bytes that it spells.
    fn add_signature(&mut self, name: &str, header: &str) {
        let hex = header.rsplit('=').next().unwrap();
        self.add(name, hex.as_bytes());
        if let Ok(bytes) = HEXLOWER.decode(hex.as_bytes()) {
            self.add(name, &bytes);
        }
    }

    #[track_caller]
    fn assert_none_in(&self, place: &str, text: &str) {
        for (name, spelling) in &self.0 {
            if let Some(at) = text.find(spelling.as_str()) {
                let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
                let line: String = text[from..].chars().take(600).collect();
                panic!("{name} as {spelling:?} in {place}: {line}");
            }
        }
    }
}

/// The secrets of every preset.
fn secrets() -> Needles {
    let mut needles = Needles::default();
    needles.add("the secret of BlendFi", SECRET.as_bytes());
    needles.add("the secret of the payments", PAYMENTS_SECRET.as_bytes());
    needles.add("the path token", TOKEN.as_bytes());
    needles.add("a guessed path token", WRONG_TOKEN.as_bytes());
    needles.add("a credential", CREDENTIAL.as_bytes());
    needles
}
