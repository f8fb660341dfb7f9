use std::fmt;

use crate::contract::SenderContract;
use crate::error::ConfigError;
use crate::name::Name;
use crate::provider::Provider;
use crate::signature::PublicUrl;

/// What is known of a sender beside its [`Provider`], and how sure that is.
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

/// Where it is known from how a sender signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Confidence {
    /// The sender's own code was read.
    Code,
    /// The sender's own documents were read.
    Documents,
    /// Others say so, and their code or vectors agree.
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

    /// The name of its provider, under which events are kept: another one than that of the constructor here and there.
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

    /// Whether a private key signs, which only the sender has: nobody else can make its deliveries.
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

    /// What the sender calls itself, and which of its products it is.
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

    /// What must be answered before events flow.
    pub fn challenge(&self) -> &'static str {
        self.challenge
    }

    /// Where it is known from how it signs.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// What was read, with its version.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// What neither its code nor its documents say, so that a cautious value is taken.
    pub fn assumed(&self) -> &'static str {
        self.assumed
    }

    /// The sender's provider with one secret, for lists and tests. The URL counts where it is signed.
    ///
    /// # Errors
    ///
    /// A text that is no secret of this sender.
    pub fn provider(&self, secret: &str, url: &PublicUrl) -> Result<Provider, ConfigError> {
        (self.example)(secret, url)
    }

    /// How it delivers.
    pub(super) fn contract(&self) -> Option<SenderContract> {
        Some(self.any()?.contract().clone())
    }

    /// The sender's provider with a secret of nobody's: for its scheme and its contract, which hang on
    /// none.
    pub(in crate::provider) fn any(&self) -> Option<Provider> {
        // A secret in each format that there is.
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
