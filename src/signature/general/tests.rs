//! The wider model against vectors that senders have published, and against copies with one byte
//! changed.

#[cfg(all(feature = "asymmetric", feature = "testing"))]
mod arithmetic;
mod pieces;
mod properties;
mod refused;
mod vectors;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::clock::UnixTime;
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::head::RequestHead;
use crate::secret::{SecretFormat, SigningSecret};
use crate::signature::{
    Algorithm, Component, Demand, Place, PublicUrl, Scheme, SchemeBuilder, SignatureErrorKind,
    TimeFormat, Verified, Verifier,
};

/// A request as a sender makes it.
struct Sent<'a> {
    uri: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
    now: u64,
}

impl Sent<'_> {
    fn by(
        &self,
        scheme: SchemeBuilder,
        secret: &SigningSecret,
    ) -> Result<Verified, SignatureErrorKind> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let uri: Uri = self.uri.parse().unwrap();
        let head = RequestHead::new(&Method::POST, &uri, &headers);
        let verifier = Verifier::new(scheme.build().unwrap(), secret.clone());
        verifier
            .verify(head, self.body.as_bytes(), UnixTime::from_secs(self.now))
            .map_err(|error| error.kind())
    }
}

fn key(text: &str) -> SigningSecret {
    SigningSecret::from_bytes(text.as_bytes()).unwrap_or_else(|_| {
        // Published secrets can be shorter than the minimum in use.
        SigningSecret::prepare_short(text.as_bytes()).unwrap()
    })
}

fn url(text: &str) -> PublicUrl {
    PublicUrl::parse(text).unwrap()
}

fn square() -> SchemeBuilder {
    Scheme::builder("x-square-hmacsha256-signature")
        .single("", Encoding::Base64)
        .content([Component::PublicUrl, Component::Body])
}

fn twilio(url: PublicUrl) -> SchemeBuilder {
    let form = |url| {
        let demand = Demand::NoParameter("bodySHA256".into());
        [Component::Demand(demand), url, Component::SortedForm]
    };
    let json = |url| {
        let demand = Demand::ParameterIsBodyDigest("bodySHA256".into(), Digest::Sha256);
        [Component::Demand(demand), url]
    };
    Scheme::builder("x-twilio-signature")
        .single("", Encoding::Base64)
        .algorithm(Algorithm::Hmac(Digest::Sha1))
        .content(form(Component::RequestUrl))
        .or_content(form(Component::RequestUrlWithPort))
        .or_content(json(Component::RequestUrl))
        .or_content(json(Component::RequestUrlWithPort))
        .content_is_id()
        .public_url(url)
}

fn adyen() -> SchemeBuilder {
    let mut content = Vec::new();
    for (place, pointer) in [
        "/pspReference",
        "/originalReference",
        "/merchantAccountCode",
        "/merchantReference",
        "/amount/value",
        "/amount/currency",
        "/eventCode",
        "/success",
    ]
    .into_iter()
    .enumerate()
    {
        if place > 0 {
            content.push(Component::literal(":"));
        }
        let pointer = format!("/NotificationRequestItem{pointer}");
        content.push(Component::optional([Component::member(pointer)]));
    }
    Scheme::at(Place::member(
        "/NotificationRequestItem/additionalData/hmacSignature",
    ))
    .single("", Encoding::Base64)
    .secrets(SecretFormat::Hex)
    .only_item("/notificationItems")
    .content(content)
    .content_is_id()
}

fn box_v2() -> SchemeBuilder {
    Scheme::builder("box-signature-primary")
        .or_at(Place::header("box-signature-secondary"))
        .single("", Encoding::Base64)
        .timestamp_at(Place::header("box-delivery-timestamp"), TimeFormat::Rfc3339)
        .content([Component::Body, Component::Timestamp])
}
