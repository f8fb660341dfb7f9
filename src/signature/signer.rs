use http::{HeaderMap, HeaderName, HeaderValue};

use super::component::Component;
use super::header::Grammar;
use super::names::Family;
use super::scheme::Scheme;
use crate::encoding::MAC_LEN;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::secret::{KeyId, Material, SigningSecret};

/// Signs like a sender, by the same [`Scheme`] that its deliveries are verified by.
///
/// Timestamp and id are texts that are signed and printed unchanged, including those that a
/// [`Verifier`](super::Verifier) refuses.
///
/// ```
/// use tower_webhook::signature::{Component, Scheme, Signer};
/// use tower_webhook::{Encoding, SigningSecret};
///
/// // The published example of the Standard Webhooks specification.
/// let scheme = Scheme::builder("webhook-signature")
///     .list("v1,", Encoding::Base64)
///     .timestamp_header("webhook-timestamp")
///     .id_header("webhook-id")
///     .content([Component::Id, Component::literal("."), Component::Timestamp, Component::literal("."), Component::Body])
///     .build()?;
/// let secret = SigningSecret::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// let signer = Signer::new(scheme, secret);
///
/// let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
/// let headers = signer.sign("1614265330", id, br#"{"test": 2432232314}"#)?;
/// assert_eq!(headers["webhook-id"], id);
/// assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Signer {
    pub(super) scheme: Scheme,
    pub(crate) material: Material,
    /// The key name in a delivery, if the scheme sends one.
    #[cfg_attr(
        not(feature = "senders"),
        allow(dead_code, reason = "no scheme tells it")
    )]
    pub(crate) key_id: KeyId,
    family: usize,
}

/// The name of the key in a ring of one key.
const ONLY_KEY: &str = "1";

/// The content of a signature in addition to the fixed texts of its scheme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) timestamp: &'a str,
    pub(crate) id: &'a str,
    pub(crate) body: &'a [u8],
}

impl Signer {
    /// A signer of this scheme with this secret.
    pub fn new(scheme: Scheme, secret: SigningSecret) -> Self {
        Self::with(scheme, Material::Secret(secret))
    }

    pub(crate) fn with(scheme: Scheme, material: Material) -> Self {
        Self {
            scheme,
            material,
            key_id: ONLY_KEY.into(),
            family: 0,
        }
    }

    /// A signer of this scheme with the private key of a simulated sender.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Algorithm, PublicKeyAlgorithm, Scheme, Signer};
    /// use tower_webhook::testing::PrivateKey;
    ///
    /// let scheme = Scheme::builder("x-signature")
    ///     .single("", Encoding::Hex)
    ///     .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::Ed25519))
    ///     .build()?;
    /// let signer = Signer::with_private_key(scheme, PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519));
    /// assert_eq!(signer.sign("", "", b"{}")?["x-signature"].len(), 128);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(all(feature = "asymmetric", feature = "testing"))]
    pub fn with_private_key(scheme: Scheme, key: crate::asymmetric::PrivateKey) -> Self {
        Self::with(scheme, Material::Private(key.into()))
    }

    /// Uses the family of headers with this signature header, not the scheme's first.
    ///
    /// # Errors
    ///
    /// A header that is not the signature header of any family.
    pub fn in_family(mut self, signature_header: &str) -> Result<Self, ConfigError> {
        let mut families = self.scheme.families.iter();
        self.family = families
            .position(|family| {
                family
                    .signature
                    .as_str()
                    .eq_ignore_ascii_case(signature_header)
            })
            .ok_or_else(|| refused(format!("has no family {signature_header:?}")))?;
        Ok(self)
    }

    /// The headers that carry the signature of this content. A timestamp or id that the scheme does
    /// not sign is ignored.
    ///
    /// # Errors
    ///
    /// A timestamp or id that is not valid in a header.
    pub fn sign(&self, timestamp: &str, id: &str, body: &[u8]) -> Result<HeaderMap, ConfigError> {
        #[cfg(feature = "senders")]
        if self.scheme.general.is_some() {
            return self.sign_alone(timestamp, id, body);
        }
        let content = Content {
            timestamp,
            id,
            body,
        };
        self.print(content, &self.mac(content)?)
    }

    pub(crate) fn mac(&self, content: Content<'_>) -> Result<[u8; MAC_LEN], ConfigError> {
        let mut mac = match &self.material {
            Material::Secret(secret) => secret.start(),
            #[cfg(feature = "asymmetric")]
            _ => return Err(refused("its key is no secret".to_owned())),
        };
        for piece in &self.scheme.content {
            mac.update(match piece {
                Component::Timestamp => content.timestamp.as_bytes(),
                Component::Id => content.id.as_bytes(),
                Component::Body => content.body,
                Component::Literal(text) => text.as_bytes(),
                #[cfg(feature = "senders")]
                _ => b"",
            });
        }
        Ok(mac.finish())
    }

    /// The headers with this MAC for this content.
    pub(crate) fn print(
        &self,
        content: Content<'_>,
        mac: &[u8; MAC_LEN],
    ) -> Result<HeaderMap, ConfigError> {
        let Content {
            timestamp,
            id,
            body: _,
        } = content;
        let mac = self.scheme.encoding.encode_mac(mac);
        let signature = match &self.scheme.grammar {
            Grammar::Pairs {
                timestamp: time,
                signature,
            } => format!("{time}={timestamp},{signature}={mac}"),
            Grammar::Single { prefix } | Grammar::List { prefix } => format!("{prefix}{mac}"),
        };
        let mut headers = HeaderMap::new();
        if let Some(family) = self.family() {
            insert(&mut headers, &family.signature, &signature)?;
            if let Some(name) = &family.timestamp {
                insert(&mut headers, name, timestamp)?;
            }
            if let Some(name) = &family.id {
                insert(&mut headers, name, id)?;
            }
        }
        Ok(headers)
    }

    /// The header of the signed id.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn id_header(&self) -> Option<&HeaderName> {
        self.family()?.id.as_ref()
    }

    fn family(&self) -> Option<&Family> {
        self.scheme.families.get(self.family)
    }
}

fn insert(headers: &mut HeaderMap, name: &HeaderName, text: &str) -> Result<(), ConfigError> {
    let value = HeaderValue::from_str(text)
        .map_err(|_| refused(format!("what it signs cannot stand in {name}")))?;
    headers.insert(name, value);
    Ok(())
}

pub(super) fn refused(message: String) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Scheme, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::UnixTime;
    use crate::encoding::Encoding;
    use crate::signature::{SchemeBuilder, SignatureErrorKind, Verifier};

    const DOT: Component = Component::Literal(std::borrow::Cow::Borrowed("."));

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::from_text(text).unwrap()
    }

    fn pairs() -> SchemeBuilder {
        Scheme::builder("x-blendfi-signature")
            .pairs("t", "v1", Encoding::Hex)
            .content([Component::Timestamp, DOT, Component::Body])
    }

    fn list() -> SchemeBuilder {
        Scheme::builder("webhook-signature")
            .list("v1,", Encoding::Base64)
            .timestamp_header("webhook-timestamp")
            .id_header("webhook-id")
            .or_family("svix-signature")
            .timestamp_header("svix-timestamp")
            .id_header("svix-id")
            .content([
                Component::Id,
                DOT,
                Component::Timestamp,
                DOT,
                Component::Body,
            ])
    }

    fn single() -> SchemeBuilder {
        Scheme::builder("x-hub-signature-256").single("sha256=", Encoding::Hex)
    }

    #[test]
    fn signatures_are_those_that_others_have_published() {
        // GitHub, "Validating webhook deliveries".
        let signer = Signer::new(
            single().build().unwrap(),
            secret("It's a Secret to Everybody"),
        );
        let headers = signer.sign("", "", b"Hello, World!").unwrap();
        assert_eq!(headers.len(), 1, "neither time nor id");
        assert_eq!(
            headers["x-hub-signature-256"],
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );

        // printf '%s.%s' 1777899600 "$BODY" | openssl dgst -sha256 -hmac whsec_test_9f8e7d6c5b4a
        let body = br#"{"id":"evt_1","type":"user.kyc_approved","created_at":"2026-05-04T13:00:00Z","data":{}}"#;
        let signer = Signer::new(pairs().build().unwrap(), secret("whsec_test_9f8e7d6c5b4a"));
        assert_eq!(
            signer.sign("1777899600", "", body).unwrap()["x-blendfi-signature"],
            "t=1777899600,v1=8f632700b26a730ce3336878aa995ddd9aacdf16f66935ae53361c3c47f787e2"
        );

        // The example of the Standard Webhooks specification, in the headers that Svix sends.
        let key = SigningSecret::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signer = Signer::new(list().build().unwrap(), key);
        let signer = signer.in_family("Svix-Signature").unwrap();
        assert_eq!(signer.id_header().map(HeaderName::as_str), Some("svix-id"));
        let headers = signer
            .sign(
                "1614265330",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                br#"{"test": 2432232314}"#,
            )
            .unwrap();
        assert_eq!(headers["svix-timestamp"], "1614265330");
        assert_eq!(
            headers["svix-signature"],
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn what_cannot_be_printed_is_refused() {
        let signer = Signer::new(pairs().build().unwrap(), secret("whsec_test_9f8e7d6c5b4a"));
        assert_eq!(
            signer.sign("1\n2", "", b"").unwrap_err().to_string(),
            "signature scheme: what it signs cannot stand in x-blendfi-signature"
        );
        assert_eq!(
            signer.in_family("x-other").unwrap_err().to_string(),
            "signature scheme: has no family \"x-other\""
        );
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified_and_nothing_else(
            scheme in prop::sample::select(vec![0_usize, 1, 2]),
            encoding in prop::sample::select(vec![Encoding::Hex, Encoding::Base64]),
            key in "[a-z0-9]{12,80}",
            time in 0_u64..10_000_000_000_000_000_000,
            id in "[a-zA-Z0-9_-]{1,64}",
            body in prop::collection::vec(any::<u8>(), 0..200),
            flip in any::<prop::sample::Index>(),
        ) {
            let scheme = match scheme {
                0 => pairs().pairs("t", "v1", encoding),
                1 => list().list("v1,", encoding),
                _ => single().single("sha256=", encoding),
            };
            let scheme = scheme.build().unwrap();
            let verifier = Verifier::new(scheme.clone(), secret(&key));
            let headers = Signer::new(scheme, secret(&key)).sign(&time.to_string(), &id, &body).unwrap();
            let now = UnixTime::from_secs(time);
            let verified = verifier.verify(&headers, &body, now).unwrap();
            prop_assert!(verified.id().is_none_or(|signed| signed == id));
            prop_assert!(verified.signed_at().is_none_or(|signed| signed == now));

            let mut other = body.clone();
            other.push(b' ');
            let refused = verifier.verify(&headers, &other, now).unwrap_err();
            prop_assert_eq!(refused.kind(), SignatureErrorKind::Mismatch);
            if !body.is_empty() {
                let mut other = body;
                let at = flip.index(other.len());
                other[at] ^= 1;
                let refused = verifier.verify(&headers, &other, now).unwrap_err();
                prop_assert_eq!(refused.kind(), SignatureErrorKind::Mismatch);
            }
        }
    }
}
