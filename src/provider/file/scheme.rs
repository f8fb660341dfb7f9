//! The scheme of a sender, as a file writes it.

use serde::{Deserialize, Deserializer};

use super::algorithm::{AlgorithmFile, EncodingFile};
use super::said::{in_member, read};
use crate::clock::Tolerance;
use crate::digest::Digest;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::secret::SecretFormat;
#[cfg(not(feature = "asymmetric"))]
use crate::signature::SchemeBuilder;
use crate::signature::{Component, Place, PublicUrl, Scheme, TimeFormat};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SchemeFile {
    /// `None` for message signatures: RFC 9421 defines their place.
    at: Option<PlaceFile>,
    #[serde(default)]
    or_at: Vec<PlaceFile>,
    #[serde(default)]
    several_lines: bool,
    #[serde(default)]
    optional_prefix: bool,
    #[serde(default)]
    layout: LayoutFile,
    #[serde(default)]
    encoding: EncodingFile,
    #[serde(default)]
    algorithm: AlgorithmFile,
    time: Option<TimeFile>,
    id: Option<PlaceFile>,
    #[serde(default)]
    content: Vec<ComponentFile>,
    #[serde(default)]
    or_content: Vec<Vec<ComponentFile>>,
    #[serde(default)]
    content_is_id: bool,
    public_url: Option<String>,
    only_item: Option<String>,
    /// In seconds.
    tolerance: Option<u64>,
    #[serde(default)]
    secrets: SecretsFile,
    #[cfg(feature = "asymmetric")]
    key_id: Option<PlaceFile>,
    #[cfg(feature = "asymmetric")]
    most_signatures: Option<u8>,
    #[cfg(feature = "jwt")]
    jws: Option<super::jws::JwsFile>,
    #[cfg(feature = "asymmetric")]
    message: Option<super::message::MessageFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PlaceFile {
    Header(String),
    NumberedHeaders {
        prefix: String,
        count: u8,
    },
    Query(String),
    Member(String),
    EachMember {
        list: String,
        member: String,
    },
    FormField(String),
    #[cfg(feature = "jwt")]
    Body,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LayoutFile {
    #[default]
    Bare,
    Prefix(String),
    Pairs {
        #[serde(default)]
        time: String,
        signature: String,
        separator: Option<char>,
    },
    List {
        #[serde(default)]
        prefix: String,
        separator: Option<char>,
    },
    Positional,
    #[cfg(feature = "asymmetric")]
    Base64Json {
        signature: String,
        #[serde(rename = "key-id")]
        key_id: String,
    },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DigestFile {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TimeFile {
    /// Next to the signature unless set.
    at: Option<PlaceFile>,
    #[serde(default)]
    format: TimeFormat,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ComponentFile {
    Time,
    Id,
    Body,
    Text(String),
    Method,
    PublicUrl,
    RequestUrl,
    RequestUrlWithPort,
    Path,
    EscapedTarget,
    Query,
    Parameter(String),
    Header(String),
    HeadersListedIn(String),
    Member(String),
    CompactMember(String),
    FormField(String),
    SortedForm,
    BodyDigest {
        digest: DigestFile,
        encoding: Option<EncodingFile>,
    },
    Secret,
    OfLength {
        piece: Box<ComponentFile>,
        length: usize,
    },
    LowerCase(Box<ComponentFile>),
    Optional(Vec<ComponentFile>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SecretsFile {
    #[default]
    Text,
    Hex,
    Base64(String),
}

impl From<PlaceFile> for Place {
    fn from(place: PlaceFile) -> Self {
        match place {
            PlaceFile::Header(name) => Self::header(name),
            PlaceFile::NumberedHeaders { prefix, count } => Self::numbered_headers(prefix, count),
            PlaceFile::Query(name) => Self::query(name),
            PlaceFile::Member(pointer) => Self::member(pointer),
            PlaceFile::EachMember { list, member } => Self::each_member(list, member),
            PlaceFile::FormField(name) => Self::form_field(name),
            #[cfg(feature = "jwt")]
            PlaceFile::Body => Self::Body,
        }
    }
}

impl From<DigestFile> for Digest {
    fn from(digest: DigestFile) -> Self {
        match digest {
            DigestFile::Sha1 => Self::Sha1,
            DigestFile::Sha256 => Self::Sha256,
            DigestFile::Sha384 => Self::Sha384,
            DigestFile::Sha512 => Self::Sha512,
        }
    }
}

impl From<ComponentFile> for Component {
    fn from(component: ComponentFile) -> Self {
        match component {
            ComponentFile::Time => Self::Timestamp,
            ComponentFile::Id => Self::Id,
            ComponentFile::Body => Self::Body,
            ComponentFile::Text(text) => Self::literal(text),
            ComponentFile::Method => Self::Method,
            ComponentFile::PublicUrl => Self::PublicUrl,
            ComponentFile::RequestUrl => Self::RequestUrl,
            ComponentFile::RequestUrlWithPort => Self::RequestUrlWithPort,
            ComponentFile::Path => Self::Path,
            ComponentFile::EscapedTarget => Self::EscapedTarget,
            ComponentFile::Query => Self::Query,
            ComponentFile::Parameter(name) => Self::parameter(name),
            ComponentFile::Header(name) => Self::header(name),
            ComponentFile::HeadersListedIn(name) => Self::headers_listed_in(name),
            ComponentFile::Member(pointer) => Self::member(pointer),
            ComponentFile::CompactMember(pointer) => Self::compact_member(pointer),
            ComponentFile::FormField(name) => Self::form_field(name),
            ComponentFile::SortedForm => Self::SortedForm,
            ComponentFile::BodyDigest { digest, encoding } => {
                Self::BodyDigest(digest.into(), encoding.map(Into::into))
            }
            ComponentFile::Secret => Self::Secret,
            ComponentFile::OfLength { piece, length } => Self::from(*piece).of_length(length),
            ComponentFile::LowerCase(piece) => Self::from(*piece).lower_case(),
            ComponentFile::Optional(pieces) => Self::optional(pieces.into_iter().map(Into::into)),
        }
    }
}

fn refused(what: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Scheme, what)
}

impl<'de> Deserialize<'de> for Scheme {
    /// `docs/schemes.md` describes the format.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, SchemeFile::scheme)
    }
}

impl SchemeFile {
    pub(super) fn scheme(self) -> Result<Scheme, ConfigError> {
        #[cfg(feature = "asymmetric")]
        let message = self
            .message
            .map(|rules| Scheme::message_signatures(rules.into()));
        #[cfg(not(feature = "asymmetric"))]
        let message: Option<SchemeBuilder> = None;
        if message.is_some() && self.at.is_some() {
            return Err(refused("message signatures have a place of their own"));
        }
        let at = self.at.map(Place::from);
        let pieces = |pieces: Vec<ComponentFile>| pieces.into_iter().map(Component::from);
        let mut scheme = match (message, at, self.algorithm) {
            (Some(scheme), ..) => scheme,
            (None, None, _) => return Err(refused("it does not say where the signature stands")),
            (None, Some(at), AlgorithmFile::Token) => Scheme::token(at),
            #[cfg(feature = "jwt")]
            (None, Some(at), _) if self.jws.is_some() => match self.jws {
                Some(rules) => Scheme::jws(at, rules.into()),
                None => Scheme::at(at),
            },
            (None, Some(at), _) => Scheme::at(at),
        };
        let encoding = self.encoding.into();
        scheme = match self.layout {
            LayoutFile::Bare => scheme.single("", encoding),
            LayoutFile::Prefix(prefix) => scheme.single(prefix, encoding),
            LayoutFile::Pairs {
                time,
                signature,
                separator,
            } => {
                let scheme = scheme.pairs(time, signature, encoding);
                separator.map_or(scheme.clone(), |separator| scheme.separator(separator))
            }
            LayoutFile::List { prefix, separator } => {
                let scheme = scheme.list(prefix, encoding);
                separator.map_or(scheme.clone(), |separator| scheme.separator(separator))
            }
            LayoutFile::Positional => scheme.positional(encoding),
            #[cfg(feature = "asymmetric")]
            LayoutFile::Base64Json { signature, key_id } => {
                scheme.base64_json(signature, key_id, encoding)
            }
        };
        let algorithm = self.algorithm.algorithm();
        #[cfg(feature = "asymmetric")]
        {
            scheme = match self.key_id {
                Some(at) => scheme.key_id_at(at.into()),
                None => scheme,
            };
            scheme = match self.most_signatures {
                Some(count) => scheme.most_signatures(count),
                None => scheme,
            };
        }
        if let Some(algorithm) = algorithm {
            scheme = scheme.algorithm(algorithm);
        }
        scheme = self
            .or_at
            .into_iter()
            .fold(scheme, |scheme, at| scheme.or_at(at.into()));
        if self.optional_prefix {
            scheme = scheme.optional_prefix();
        }
        if self.several_lines {
            scheme = scheme.several_lines();
        }
        if let Some(TimeFile { at, format }) = self.time {
            scheme = match at {
                Some(at) => scheme.timestamp_at(at.into(), format),
                None => scheme.time_format(format),
            };
        }
        if let Some(id) = self.id {
            scheme = scheme.id_at(id.into());
        }
        if !self.content.is_empty() {
            scheme = scheme.content(pieces(self.content));
        }
        let others = self.or_content.into_iter();
        scheme = others.fold(scheme, |scheme, content| scheme.or_content(pieces(content)));
        if self.content_is_id {
            scheme = scheme.content_is_id();
        }
        if let Some(url) = self.public_url {
            scheme = scheme.public_url(in_member("public-url", PublicUrl::parse(&url))?);
        }
        if let Some(pointer) = self.only_item {
            scheme = scheme.only_item(pointer);
        }
        if let Some(seconds) = self.tolerance {
            scheme = scheme.tolerance(in_member("tolerance", Tolerance::from_secs(seconds))?);
        }
        let secrets = match self.secrets {
            SecretsFile::Text => SecretFormat::Text,
            SecretsFile::Hex => SecretFormat::Hex,
            SecretsFile::Base64(prefix) => SecretFormat::base64(prefix),
        };
        scheme.secrets(secrets).build()
    }
}
