use std::borrow::Cow;

use serde::Deserialize;

use crate::clock::UnixTime;

/// The place of the signature, its time, an id or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In this header.
    Header(Cow<'static, str>),
    /// In headers of this name followed by a number from 1 to `count`; any of them.
    NumberedHeaders {
        /// The name up to the number.
        prefix: Cow<'static, str>,
        /// The highest number, at most 100.
        count: u8,
    },
    /// In this query parameter, decoded as in a form.
    Query(Cow<'static, str>),
    /// In the member of the JSON body at this pointer (RFC 6901, through objects).
    Member(Cow<'static, str>),
    /// In this member of each item of a list in the JSON body: for a token only. See [`Place::each_member`].
    EachMember {
        /// The place of the list.
        list: Cow<'static, str>,
        /// The member of an item.
        member: Cow<'static, str>,
    },
    /// In this field of the form in the body.
    FormField(Cow<'static, str>),
    /// The body itself: for a JWS only.
    #[cfg(feature = "jwt")]
    Body,
}

impl Place {
    /// In this header.
    pub fn header(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Header(name.into())
    }

    /// In headers of this name followed by a number.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Place, Scheme};
    ///
    /// // DocuSign signs with each of its keys.
    /// let place = Place::numbered_headers("x-docusign-signature-", 100);
    /// let scheme = Scheme::at(place).single("", Encoding::Base64).build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn numbered_headers(prefix: impl Into<Cow<'static, str>>, count: u8) -> Self {
        Self::NumberedHeaders {
            prefix: prefix.into(),
            count,
        }
    }

    /// In this query parameter.
    pub fn query(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Query(name.into())
    }

    /// In this member of the JSON body.
    pub fn member(pointer: impl Into<Cow<'static, str>>) -> Self {
        Self::Member(pointer.into())
    }

    /// In the member of each item of a list, both as JSON pointers: for a token only. Every item
    /// must have a valid one, and there must be an item.
    ///
    /// ```
    /// use tower_webhook::signature::{Place, Scheme, Verifier};
    /// use tower_webhook::{SigningSecret, UnixTime};
    ///
    /// // Microsoft Graph sends its `clientState` in this way.
    /// let scheme = Scheme::token(Place::each_member("/value", "/clientState")).build()?;
    /// let verifier = Verifier::new(scheme, SigningSecret::from_text("5hG7kQ2mW9xZ4tB8")?);
    /// let request = http::Request::post("/").body(())?;
    /// let verify = |body: &str| verifier.verify(&request, body.as_bytes(), UnixTime::now());
    /// assert!(verify(r#"{"value":[{"clientState":"5hG7kQ2mW9xZ4tB8"}]}"#).is_ok());
    /// assert!(verify(r#"{"value":[{"clientState":"5hG7kQ2mW9xZ4tB8"},{"clientState":"x"}]}"#).is_err());
    /// assert!(verify(r#"{"value":[{"clientState":"5hG7kQ2mW9xZ4tB8"},{}]}"#).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn each_member(
        list: impl Into<Cow<'static, str>>,
        member: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::EachMember {
            list: list.into(),
            member: member.into(),
        }
    }

    /// In this field of a form.
    ///
    /// ```
    /// use tower_webhook::{Digest, Encoding};
    /// use tower_webhook::signature::{Algorithm, Component, Place, Scheme};
    ///
    /// // Braintree signs another field of the form.
    /// let scheme = Scheme::at(Place::form_field("bt_signature"))
    ///     .single("public_key|", Encoding::Hex)
    ///     .algorithm(Algorithm::HmacOfHashedSecret(Digest::Sha1))
    ///     .content([Component::form_field("bt_payload")])
    ///     .content_is_id()
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn form_field(name: impl Into<Cow<'static, str>>) -> Self {
        Self::FormField(name.into())
    }
}

/// The format of a signed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimeFormat {
    /// Whole Unix seconds.
    #[default]
    Seconds,
    /// Whole Unix milliseconds.
    Milliseconds,
    /// Whole Unix seconds, or milliseconds from twelve digits on: for senders that have written
    /// both.
    SecondsOrMilliseconds,
    /// RFC 3339 with an offset or `Z`, and any fraction of a second.
    Rfc3339,
    /// The same, or without an offset: this is UTC, as Orb writes it.
    Rfc3339OrUtc,
}

impl TimeFormat {
    pub(super) fn is_digits(self) -> bool {
        !matches!(self, Self::Rfc3339 | Self::Rfc3339OrUtc)
    }

    /// The time in this text; each time in digits has one spelling.
    pub(super) fn parse(self, text: &[u8]) -> Option<UnixTime> {
        let number = || super::header::parse_timestamp(text).ok();
        let millis = |time: UnixTime| UnixTime::from_micros(time.as_secs().saturating_mul(1000));
        match self {
            Self::Seconds => number(),
            Self::Milliseconds => number().map(millis),
            Self::SecondsOrMilliseconds if text.len() >= 12 => number().map(millis),
            Self::SecondsOrMilliseconds => number(),
            Self::Rfc3339 => rfc3339(text),
            Self::Rfc3339OrUtc => rfc3339(text).or_else(|| rfc3339(&[text, b"Z"].concat())),
        }
    }

    /// This time in the sender's format.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn print(self, time: UnixTime) -> String {
        match self {
            Self::Seconds | Self::SecondsOrMilliseconds => time.as_secs().to_string(),
            Self::Milliseconds => (time.as_micros() / 1000).to_string(),
            Self::Rfc3339 | Self::Rfc3339OrUtc => time.to_rfc3339(),
        }
    }
}

fn rfc3339(text: &[u8]) -> Option<UnixTime> {
    // The `time` crate also accepts lower-case letters, and a space for the `T`.
    let plain = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'T' | b'Z' | b'+' | b'.');
    if text.len() > 40 || !text.iter().all(plain) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let format = &time::format_description::well_known::Rfc3339;
    let time = time::OffsetDateTime::parse(text, format).ok()?;
    let micros = u64::try_from(time.unix_timestamp_nanos() / 1000).ok()?;
    Some(UnixTime::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_read_in_its_unit() {
        let micros = |format: TimeFormat, text: &str| {
            let time = format.parse(text.as_bytes())?;
            Some(time.as_micros())
        };
        use TimeFormat::{Milliseconds, Rfc3339, Seconds, SecondsOrMilliseconds};
        assert_eq!(micros(Seconds, "1614265330"), Some(1_614_265_330_000_000));
        assert_eq!(
            micros(Milliseconds, "1614265330123"),
            Some(1_614_265_330_123_000)
        );
        for text in ["1614265330", "1614265330000"] {
            assert_eq!(
                micros(SecondsOrMilliseconds, text),
                Some(1_614_265_330_000_000)
            );
        }
        // `date -d 2020-01-01T00:00:00-07:00 +%s`
        assert_eq!(
            micros(Rfc3339, "2020-01-01T00:00:00-07:00"),
            Some(1_577_862_000_000_000)
        );
        assert_eq!(
            micros(Rfc3339, "2020-01-01T07:00:00.123456789Z"),
            Some(1_577_862_000_123_456)
        );
    }

    #[test]
    fn a_time_without_an_offset_is_utc_where_the_scheme_says_so() {
        let read = |text: &str| TimeFormat::Rfc3339OrUtc.parse(text.as_bytes());
        // `date -u -d 2026-05-04T13:00:00 +%s`
        let then = UnixTime::from_micros(1_777_899_600_357_000);
        for text in [
            "2026-05-04T13:00:00.357",
            "2026-05-04T13:00:00.357Z",
            "2026-05-04T15:00:00.357+02:00",
        ] {
            assert_eq!(read(text), Some(then), "{text}");
        }
        for text in ["2026-05-04", "2026-05-04T13:00", "2026-05-04T13:00:00+02"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "1e3", "-1", "01", "1.5", "99999999999999999999"] {
            assert!(
                TimeFormat::Seconds.parse(text.as_bytes()).is_none(),
                "{text}"
            );
            assert!(
                TimeFormat::Milliseconds.parse(text.as_bytes()).is_none(),
                "{text}"
            );
        }
        for text in [
            "2020-01-01",
            "2020-01-01T00:00:00",
            "2020-01-01 00:00:00Z",
            "2020-01-01t00:00:00z",
            "2020-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1577862000",
        ] {
            assert!(
                TimeFormat::Rfc3339.parse(text.as_bytes()).is_none(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_printed_is_read() {
        let time = UnixTime::from_secs(1_777_899_600);
        for format in [
            TimeFormat::Seconds,
            TimeFormat::Milliseconds,
            TimeFormat::Rfc3339,
        ] {
            assert_eq!(format.parse(format.print(time).as_bytes()), Some(time));
        }
    }
}
