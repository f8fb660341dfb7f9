//! The identifier of a component of a signature (RFC 9421, section 2).

use http::HeaderName;
use sfv::{BareItem, FieldType, Item};

use super::digests;
use super::field::Form;
use super::unread::Unread;

/// A component that a signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identifier {
    /// The signed text, with its parameters.
    pub(super) text: String,
    pub(super) source: Source,
}

/// The source of a component's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    /// The parameter of this name, percent-encoded.
    QueryParam(String),
    Field(HeaderName, Form),
    /// A field of the trailers, which no receiver stores.
    Trailer,
}

#[derive(Default)]
struct Parameters {
    sf: bool,
    bs: bool,
    tr: bool,
    key: Option<String>,
    name: Option<String>,
}

impl Identifier {
    /// The identifier in a structured item.
    pub(super) fn of(item: &Item) -> Result<Self, Unread> {
        let name = item.bare_item.as_string().ok_or(Unread::Malformed)?;
        let told = Parameters::of(item)?;
        Ok(Self {
            text: item.serialize(),
            source: told.source(name.as_str())?,
        })
    }

    /// The identifier in a user's text: `@method`, or with its quotes and parameters.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let item = match text.starts_with('"') {
            true => sfv::Parser::new(text).parse::<Item>().ok()?,
            false => Item::new(sfv::String::try_from(text.to_owned()).ok()?),
        };
        Self::of(&item).ok()
    }

    /// Whether a signature that covers this component covers `wanted`.
    pub(super) fn satisfies(&self, wanted: &Self) -> bool {
        match (&self.source, &wanted.source) {
            // All of the field is signed, whether in base64 or not. For a digest its meaning is enough.
            (Source::Field(name, form), Source::Field(other, Form::Plain)) if name == other => {
                form.is_literal() || self.is_digest()
            }
            (source, other) => source == other,
        }
    }

    /// Whether it is a digest of the body, or a member of one with a known hash.
    pub(super) fn is_digest(&self) -> bool {
        let known = |key: &str| digests::known(key).is_some();
        match &self.source {
            Source::Field(name, form) => {
                let is_one = matches!(name.as_str(), "content-digest" | "repr-digest");
                is_one && !matches!(form, Form::Member(key) if !known(key))
            }
            _ => false,
        }
    }
}

impl Parameters {
    fn of(item: &Item) -> Result<Self, Unread> {
        let mut told = Self::default();
        for (name, value) in &item.params {
            let flag = matches!(value, BareItem::Boolean(true));
            let text = || value.as_string().map(|text| text.as_str().to_owned());
            match name.as_str() {
                "sf" if flag => told.sf = true,
                "bs" if flag => told.bs = true,
                "tr" if flag => told.tr = true,
                "key" => told.key = Some(text().ok_or(Unread::Malformed)?),
                "name" => told.name = Some(text().ok_or(Unread::Malformed)?),
                // `req` is for responses only; any other parameter is unknown.
                _ => return Err(Unread::UnknownParameter),
            }
        }
        Ok(told)
    }

    fn source(self, name: &str) -> Result<Source, Unread> {
        let Self {
            sf,
            bs,
            tr,
            key,
            name: parameter,
        } = self;
        if let Some(derived) = name.strip_prefix('@') {
            if sf || bs || tr || key.is_some() {
                return Err(Unread::UnknownParameter);
            }
            return match (derived, parameter) {
                ("query-param", Some(name)) => Ok(Source::QueryParam(name)),
                (_, Some(_)) => Err(Unread::UnknownParameter),
                ("method", None) => Ok(Source::Method),
                ("target-uri", None) => Ok(Source::TargetUri),
                ("authority", None) => Ok(Source::Authority),
                ("scheme", None) => Ok(Source::Scheme),
                ("request-target", None) => Ok(Source::RequestTarget),
                ("path", None) => Ok(Source::Path),
                ("query", None) => Ok(Source::Query),
                _ => Err(Unread::Malformed),
            };
        }
        let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let field = HeaderName::from_bytes(name.as_bytes());
        let field = field.ok().filter(|_| is_lower).ok_or(Unread::Malformed)?;
        let form = match (sf, bs, key) {
            _ if parameter.is_some() => return Err(Unread::UnknownParameter),
            (_, false, Some(key)) => Form::Member(key),
            (true, false, None) => Form::Strict,
            (false, true, None) => Form::Bytes,
            (false, false, None) => Form::Plain,
            _ => return Err(Unread::Malformed),
        };
        match tr {
            true => Ok(Source::Trailer),
            false => Ok(Source::Field(field, form)),
        }
    }
}
