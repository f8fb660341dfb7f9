//! Where our verdict may differ from a published crate's, and why. `docs/stricter.md` is the same
//! list for readers, and a test keeps the two alike.

use crate::delivery::Delivery;

/// Who is asked beside us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    StandardWebhooks,
    Svix,
    WebhookVerify,
}

impl Peer {
    /// Whether this build asks it about deliveries of one of these schemes.
    pub fn is_asked(self, stripe: bool) -> bool {
        match self {
            Self::StandardWebhooks => !stripe,
            Self::Svix => !stripe && cfg!(feature = "svix"),
            Self::WebhookVerify => true,
        }
    }
}

/// We refuse where a peer may accept. Each one is a statement about the input alone, and whenever
/// it holds we refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stricter {
    /// One of the scheme's headers stands there twice, with values that differ.
    RepeatedHeader,
    /// Headers of both families, `webhook-` and `svix-`, that differ, or neither is whole.
    MixedFamilies,
    /// The time is not 1 to 19 digits without a leading zero.
    TimestampSpelling,
    /// The signed id holds a `.`.
    IdWithSeparator,
    /// The signed id is empty.
    EmptyId,
    /// The signed id is longer than 256 bytes.
    LongId,
    /// More than 64 signatures.
    TooManySignatures,
    /// A signature header of more than 16 KiB.
    LongHeader,
    /// The right signature stands there in upper-case hex only.
    UpperCaseHex,
    /// The key has fewer than 12 bytes.
    ShortSecret,
    /// The last character of a base64 secret has bits set that belong to no byte.
    SecretTrailingBits,
}

/// We accept where a peer refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wider {
    /// The headers are those of the `svix-` family.
    SvixFamily,
    /// The body is not UTF-8.
    BodyOfBytes,
    /// Beside the right signature stands one that does not decode.
    BrokenSibling,
    /// The base64 secret lacks its padding.
    UnpaddedSecret,
    /// Blanks where the scheme itself writes none.
    Blanks,
    /// A header line that was joined with itself, or one time that stands twice.
    JoinedLines,
}

impl Stricter {
    pub const ALL: [Self; 11] = [
        Self::RepeatedHeader,
        Self::MixedFamilies,
        Self::TimestampSpelling,
        Self::IdWithSeparator,
        Self::EmptyId,
        Self::LongId,
        Self::TooManySignatures,
        Self::LongHeader,
        Self::UpperCaseHex,
        Self::ShortSecret,
        Self::SecretTrailingBits,
    ];

    /// Whether a delivery of one of these schemes can break the rule.
    pub fn concerns(self, stripe: bool) -> bool {
        match self {
            Self::MixedFamilies
            | Self::IdWithSeparator
            | Self::EmptyId
            | Self::LongId
            | Self::SecretTrailingBits => !stripe,
            Self::UpperCaseHex => stripe,
            _ => true,
        }
    }

    pub fn holds(self, delivery: &Delivery) -> bool {
        let ids = || delivery.ids();
        match self {
            Self::RepeatedHeader => delivery.names().any(|name| {
                let first = delivery.all(name).next();
                delivery.all(name).any(|value| Some(value) != first)
            }),
            Self::MixedFamilies => {
                let family = |name: &'static str| {
                    ["id", "timestamp", "signature"].map(|part| {
                        let name = format!("{name}-{part}");
                        delivery.headers.iter().find(|(it, _)| *it == name)
                    })
                };
                let [webhook, svix] = [family("webhook"), family("svix")];
                let is_there = |it: &[Option<_>; 3]| it.iter().any(Option::is_some);
                let is_whole = |it: &[Option<_>; 3]| it.iter().all(Option::is_some);
                let differ = webhook.iter().zip(&svix).any(|(a, b)| match (a, b) {
                    (Some((_, a)), Some((_, b))) => a != b,
                    _ => false,
                });
                is_there(&webhook)
                    && is_there(&svix)
                    && (differ || !(is_whole(&webhook) || is_whole(&svix)))
            }
            Self::TimestampSpelling => delivery.timestamps().iter().any(|text| {
                let canonical = (1..=19).contains(&text.len())
                    && text.iter().all(u8::is_ascii_digit)
                    && (text.len() == 1 || text[0] != b'0');
                !canonical
            }),
            Self::IdWithSeparator => ids().any(|id| id.contains(&b'.')),
            Self::EmptyId => ids().any(<[u8]>::is_empty),
            Self::LongId => ids().any(|id| id.len() > 256),
            Self::TooManySignatures => {
                let counts = |element: &&&[u8]| {
                    // The time of a Stripe header is none, nor is what has no name.
                    !delivery.stripe || !(element.starts_with(b"t=") || element.starts_with(b"="))
                };
                let many = |elements: Vec<&[u8]>| elements.iter().filter(counts).count() > 64;
                delivery.each_header().any(many)
            }
            Self::LongHeader => delivery
                .signature_headers()
                .any(|value| value.len() > 16 * 1024),
            Self::UpperCaseHex => {
                let right = delivery.right_hex();
                let spelled = |upper: bool| {
                    delivery.elements().iter().any(|text| {
                        let text = text.strip_prefix(b"v1=").unwrap_or_default();
                        text.eq_ignore_ascii_case(right.as_bytes())
                            && (text != right.as_bytes()) == upper
                    })
                };
                delivery.stripe && spelled(true) && !spelled(false)
            }
            Self::ShortSecret => delivery.key.len() < 12,
            Self::SecretTrailingBits => delivery.trailing_bits,
        }
    }

    pub fn text(self) -> [&'static str; 2] {
        match self {
            Self::RepeatedHeader => [
                "one of the scheme's headers stands there twice, with values that differ",
                "they take the first one; a proxy or framework before or behind may take the last, and then two parties have judged different values",
            ],
            Self::MixedFamilies => [
                "headers of both families, `webhook-` and `svix-`, that differ, or of which neither family is whole",
                "`svix` picks each header from whichever family has it, the others see one family only; what was judged must not depend on that choice",
            ],
            Self::TimestampSpelling => [
                "a time that is not 1 to 19 digits without a leading zero: `+5`, `05`, `-5`",
                "`standardwebhooks` and `svix` read the number and sign their own spelling of it, so that one signature is right for many headers; `webhook-verify` signs what stands there, but takes leading zeros",
            ],
            Self::IdWithSeparator => [
                "a signed id with a `.` in it",
                "`a.1` at time `2` and `a` at time `1` with a body that begins with `2.` would be signed alike: what was signed must have one reading",
            ],
            Self::EmptyId => [
                "an empty signed id",
                "it is the event's key, and every empty one would be the same event",
            ],
            Self::LongId => [
                "a signed id of more than 256 bytes",
                "it is the event's key, and its length is the stranger's choice",
            ],
            Self::TooManySignatures => [
                "more than 64 signatures",
                "what a stranger can make us compare is bounded; `webhook-verify` hashes the body anew for each",
            ],
            Self::LongHeader => [
                "a signature header of more than 16 KiB",
                "what a stranger can make us parse is bounded",
            ],
            Self::UpperCaseHex => [
                "the right signature in upper-case hex only (Stripe)",
                "a signature has one spelling, so that nobody can send the same one twice and have it look different",
            ],
            Self::ShortSecret => [
                "a secret of fewer than 12 bytes",
                "it can be guessed offline from one captured delivery; such a secret cannot be configured",
            ],
            Self::SecretTrailingBits => [
                "a base64 secret whose last character has bits set that belong to no byte",
                "it was cut off or mistyped; `webhook-verify` ignores those bits",
            ],
        }
    }
}

impl Wider {
    pub const ALL: [Self; 6] = [
        Self::SvixFamily,
        Self::BodyOfBytes,
        Self::BrokenSibling,
        Self::UnpaddedSecret,
        Self::Blanks,
        Self::JoinedLines,
    ];

    pub fn concerns(self, stripe: bool) -> bool {
        matches!(self, Self::BrokenSibling | Self::Blanks | Self::JoinedLines) || !stripe
    }

    /// Who refuses; the docs name the same.
    pub fn refused_by(self) -> &'static [Peer] {
        use Peer::{StandardWebhooks, Svix, WebhookVerify};
        match self {
            Self::SvixFamily => &[StandardWebhooks, WebhookVerify],
            Self::BodyOfBytes | Self::UnpaddedSecret => &[StandardWebhooks, Svix],
            Self::BrokenSibling => &[WebhookVerify],
            Self::Blanks | Self::JoinedLines => &[StandardWebhooks, Svix, WebhookVerify],
        }
    }

    /// Whether it can be what made this peer refuse.
    pub fn holds(self, peer: Peer, delivery: &Delivery) -> bool {
        let is_so = match self {
            Self::SvixFamily => {
                let mut names = delivery.headers.iter().map(|(name, _)| name);
                !delivery.stripe && names.all(|name| !name.starts_with("webhook-"))
            }
            Self::BodyOfBytes => std::str::from_utf8(&delivery.body).is_err(),
            Self::BrokenSibling => delivery.has_broken_signature() && !delivery.is_joined(),
            Self::UnpaddedSecret => delivery.unpadded_secret,
            Self::Blanks => delivery.has_blanks(),
            Self::JoinedLines => delivery.is_joined(),
        };
        is_so && self.refused_by().contains(&peer)
    }

    pub fn text(self) -> [&'static str; 2] {
        match self {
            Self::SvixFamily => [
                "the `svix-` headers (`standardwebhooks`, `webhook-verify`)",
                "Svix sends the same scheme under both names",
            ],
            Self::BodyOfBytes => [
                "a body that is not UTF-8 (`standardwebhooks`, `svix`)",
                "what is signed is bytes; whether they are text is for the handler to say",
            ],
            Self::BrokenSibling => [
                "a right signature beside one that does not decode (`webhook-verify`)",
                "senders roll over to new forms; `standardwebhooks` and `svix` pass over what they don't know",
            ],
            Self::UnpaddedSecret => [
                "a base64 secret without its padding (`standardwebhooks`, `svix`)",
                "the bytes are the same, and dashboards have shown secrets without it; the specification's libraries in other languages take them",
            ],
            Self::Blanks => [
                "tabs, blanks after a comma and empty elements in the signature header",
                "senders (WorkOS) and proxies write them, and they change nothing that is signed",
            ],
            Self::JoinedLines => [
                "a header that holds one text twice with a comma between, or one time twice",
                "adapters join lines of one name (AWS API Gateway, Apache httpd, Node.js); where nothing differs there is one reading",
            ],
        }
    }
}
