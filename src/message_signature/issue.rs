//! Signatures like those of a sender, for tests.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::base::{Asked, base};
use super::field::{Form, dictionary};
use super::identifier::Source;
use super::rules::MessageSignatures;
use crate::digest::Digest;
use crate::secret::Material;

/// The lifetime of a test signature in seconds.
const LIFE: u64 = 300;

/// The values that a signature states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft<'d> {
    pub(crate) time: &'d str,
    pub(crate) id: &'d str,
    pub(crate) key_id: &'d str,
}

impl MessageSignatures {
    /// The headers that sign this request over `signed` and state `told`; `spoil` changes one bit
    /// of the signature.
    pub(crate) fn issue(
        &self,
        material: &Material,
        (method, uri, headers): (&Method, &Uri, &mut HeaderMap),
        body: &[u8],
        (signed, told): (Draft<'_>, Draft<'_>),
        spoil: bool,
    ) -> Option<()> {
        for identifier in self.demanded() {
            if let Source::Field(name, form) = &identifier.source {
                complete(headers, name, form, body, signed.id)?;
            }
        }
        let label = self.label.as_deref().unwrap_or("sig1");
        let input = |draft| format!("{label}={}", self.parameters(draft));
        let members = dictionary(&input(signed)).ok()?;
        let parameters = super::field::one(members.get(label)?);
        let asked = Asked {
            method,
            uri,
            headers,
        };
        let base = base(asked, self.target.as_ref(), self.demanded(), &parameters).ok()?;
        let mut signature = self.sign(material, &base)?;
        if spoil && let Some(first) = signature.first_mut() {
            *first ^= 1;
        }
        let spelled = format!("{label}=:{}:", data_encoding::BASE64.encode(&signature));
        insert(headers, "signature-input", &input(told))?;
        insert(headers, "signature", &spelled)
    }

    fn parameters(&self, draft: Draft<'_>) -> String {
        let covered: Vec<&str> = (self.demanded().iter()).map(|it| &*it.text).collect();
        let mut text = format!("({})", covered.join(" "));
        if self.created {
            text.push_str(&format!(";created={}", draft.time));
        }
        if self.expires {
            let end: u64 = draft.time.parse().unwrap_or_default();
            text.push_str(&format!(";expires={}", end.saturating_add(LIFE)));
        }
        text.push_str(&format!(";keyid=\"{}\"", draft.key_id));
        if self.nonce {
            text.push_str(&format!(";nonce=\"{}\"", draft.id));
        }
        if let Some(tag) = &self.tag {
            text.push_str(&format!(";tag=\"{tag}\""));
        }
        text
    }

    fn sign(&self, material: &Material, base: &[u8]) -> Option<Vec<u8>> {
        self.algorithms.iter().find_map(|algorithm| match material {
            Material::Secret(secret) if algorithm.public().is_none() => {
                Digest::Sha256.hmac(secret.bytes(), [base])
            }
            Material::Private(key) => key.sign(algorithm.public()?, base),
            _ => None,
        })
    }
}

/// Adds a header that is covered but absent.
fn complete(
    headers: &mut HeaderMap,
    name: &HeaderName,
    form: &Form,
    body: &[u8],
    id: &str,
) -> Option<()> {
    if headers.contains_key(name) {
        return Some(());
    }
    let text = match name.as_str() {
        "content-digest" | "repr-digest" => {
            let (digest, told) = match form {
                Form::Member(key) if key == "sha-512" => (Digest::Sha512, "sha-512"),
                _ => (Digest::Sha256, "sha-256"),
            };
            let hash = data_encoding::BASE64.encode(&digest.hash([body]));
            format!("{told}=:{hash}:")
        }
        "content-length" => body.len().to_string(),
        _ => id.to_owned(),
    };
    insert(headers, name.as_str(), &text)
}

fn insert(headers: &mut HeaderMap, name: &str, text: &str) -> Option<()> {
    let name: HeaderName = name.parse().ok()?;
    headers.insert(name, HeaderValue::from_str(text).ok()?);
    Some(())
}
