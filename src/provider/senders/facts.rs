use std::fmt;

use crate::contract::SenderContract;
use crate::error::ConfigError;
use crate::name::Name;
use crate::provider::Provider;
use crate::signature::PublicUrl;

/// Facts about a sender in addition to its [`Provider`], and how certain they are.
///
/// ```
/// use tower_webhook::provider::senders;
///
/// for sender in senders() {
///     println!("{}: known from {}; assumed: {}", sender.title(), sender.confidence(), sender.assumed());
/// }
/// ```
#[derive(Clone, Copy)]
pub struct SenderFacts {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) proof: &'static str,
    pub(super) event: &'static str,
    pub(super) challenge: &'static str,
    pub(super) confidence: Confidence,
    pub(super) source: &'static str,
    pub(super) assumed: &'static str,
    pub(super) example: fn(&str, &PublicUrl) -> Result<Provider, ConfigError>,
}

/// The source for how a sender signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Confidence {
    /// The sender's own code was read.
    Code,
    /// The sender's own documents were read.
    Documents,
    /// Third parties document it, and their code or vectors agree.
    Others,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "its code",
            Self::Documents => "its documents",
            Self::Others => "others",
        })
    }
}

impl SenderFacts {
    /// The name of its constructor in [`provider`](crate::provider).
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The name of its provider, under which events are stored: it can differ from that of the constructor.
    ///
    /// ```
    /// use tower_webhook::provider::senders;
    ///
    /// let zoom = senders().find(|sender| sender.name() == "zoom");
    /// let name = zoom.and_then(|sender| sender.provider_name());
    /// assert_eq!(name.as_ref().map(|name| name.as_str()), Some("zoom"));
    /// ```
    pub fn provider_name(&self) -> Option<Name> {
        Some(self.any()?.name().clone())
    }

    /// Whether it signs with a private key, which only the sender has: nobody else can forge its
    /// deliveries.
    pub fn signs_with_private_key(&self) -> bool {
        #[cfg(feature = "asymmetric")]
        {
            use crate::secret::SecretFormat;
            let format = |provider: &Provider| {
                let verifier = provider.verifier()?;
                Some(verifier.scheme().secret_format().clone())
            };
            let format = self.any().as_ref().and_then(format);
            matches!(format, Some(SecretFormat::PublicKey(_)))
        }
        #[cfg(not(feature = "asymmetric"))]
        false
    }

    /// The sender's own name, and its product.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// How it proves its origin.
    pub fn proof(&self) -> &'static str {
        self.proof
    }

    /// What one event is.
    pub fn event(&self) -> &'static str {
        self.event
    }

    /// The challenge that must be answered before events flow.
    pub fn challenge(&self) -> &'static str {
        self.challenge
    }

    /// The source for how it signs.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// The sources that were read, with their versions.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// The facts that neither its code nor its documentation states, for which a cautious value is
    /// assumed.
    pub fn assumed(&self) -> &'static str {
        self.assumed
    }

    /// The sender's provider with one secret, for lists and tests. The URL matters only if it is
    /// signed.
    ///
    /// # Errors
    ///
    /// A text that is not a secret of this sender.
    pub fn provider(&self, secret: &str, url: &PublicUrl) -> Result<Provider, ConfigError> {
        (self.example)(secret, url)
    }

    /// The delivery contract.
    pub(super) fn contract(&self) -> Option<SenderContract> {
        Some(self.any()?.contract().clone())
    }

    /// The sender's provider with a dummy secret: for its scheme and its contract, which do not
    /// depend on it.
    pub(in crate::provider) fn any(&self) -> Option<Provider> {
        // A secret in each existing format.
        let url = PublicUrl::parse("https://hooks.example/").ok()?;
        [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "44782deff47aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
            "ana:5hG7kQ2mW9xZ4tB8",
            #[cfg(feature = "asymmetric")]
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            #[cfg(feature = "asymmetric")]
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/n7SP68rlZ6rHJRug87bl+Hka2Gkqiv+eZ8Z7Adqcys6Sq3NAxQN9rALKroRhnQKBM/r4Wbjy101MsXjDqOrxw==",
            #[cfg(feature = "asymmetric")]
            "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEemzImLP/MQtGjgCG8h1AZxlTFYVy6OBK+iwvyrG4YklAnRRC1H6BEhBUK40wy0sfvRaS1H4AueUPqLmclUqKXQ==",
            #[cfg(feature = "asymmetric")]
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqOS5UcOqZpPwm37J5UJT+t6OBiast8K4HOTMuj9R8vP9P7Oqp+9MfYk+Gyf+b+zEPP8Bqu3kEvC94/pmxpKDDawsaEk1+YKH/mr4VPN9jFmLT9jHhNGAZNy2ruM7oJAdC+BeBYVwDBihE4LN0puQBBhWMa4wAgV7Qa0JZilF/cHweJ2QUYuiJ3wzpFotTeawj8G1WiVebHAvMRF/nhWOeYHOCl5y1F5Lhxt2er+ll3Z1tNm7qI9NQ6POC01Oq9AeM01QFfl4hiUzavAj4kVwUDCCnL3BRwXLj6cayl2D/EgRx9I/vNDbE3iKkSC4PrQCQFJGrKzM6IHA1FEAknLLBwIDAQAB",
            #[cfg(feature = "asymmetric")]
            "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAXjhDq8FnFDVMEOBoXZMejIBagY/d340hQHgKlnLalmURQXq0iwqCAdo7ickMNpXkrkckRXW1AfVAPwqFZCFqPz8ACTdvHycystTefrhEVmPHutquqb0R4A9l0Ln5VdxgtSoNFBVAhHWdBGawM7WFNi2U50qCCXKgkbRXttjouY0lGYs=",
        ]
        .into_iter()
        .find_map(|secret| self.provider(secret, &url).ok())
    }
}

impl fmt::Debug for SenderFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderFacts")
            .field("name", &self.name)
            .field("confidence", &self.confidence)
            .finish_non_exhaustive()
    }
}
