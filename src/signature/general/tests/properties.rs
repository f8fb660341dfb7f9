use proptest::prelude::*;

use super::*;
use crate::signature::general::{Outgoing, Said};
use crate::signature::signer::Signer;

/// Schemes whose signature covers the body, one for each form of the model.
fn schemes() -> Vec<SchemeBuilder> {
    let dot = || Component::literal(".");
    let line = || Component::literal("\n");
    let start = || Scheme::builder("x-signature").algorithm(Algorithm::Hmac(Digest::Sha256));
    let timed = |format| start().timestamp_at(Place::header("x-time"), format);
    vec![
        start().algorithm(Algorithm::Hmac(Digest::Sha1)),
        start()
            .algorithm(Algorithm::Hmac(Digest::Sha384))
            .single("", Encoding::Base64Url),
        start()
            .algorithm(Algorithm::Hmac(Digest::Sha512))
            .single("sha512=", Encoding::HexUpper),
        start().algorithm(Algorithm::HmacOfHashedSecret(Digest::Sha1)),
        start()
            .algorithm(Algorithm::Hash(Digest::Sha256))
            .content([Component::Body, Component::Secret]),
        start()
            .pairs("ts", "h1", Encoding::Hex)
            .separator(';')
            .content([
                Component::Timestamp,
                Component::literal(":"),
                Component::Body,
            ]),
        start()
            .positional(Encoding::Hex)
            .content([Component::Timestamp, dot(), Component::Body]),
        start().list("v1=", Encoding::Hex).separator(','),
        timed(TimeFormat::Milliseconds).content([Component::Timestamp, Component::Body]),
        timed(TimeFormat::Rfc3339).content([Component::Body, Component::Timestamp]),
        start()
            .timestamp_at(Place::member("/at"), TimeFormat::Milliseconds)
            .content([Component::Body]),
        start()
            .public_url(url("https://a.example/hooks?x=1"))
            .content([Component::Method, Component::RequestUrl, Component::Body]),
        start().id_at(Place::query("id")).content([
            Component::Id,
            Component::literal("|"),
            Component::BodyDigest(Digest::Sha256, None),
        ]),
        Scheme::at(Place::query("sig")).algorithm(Algorithm::Hmac(Digest::Sha256)),
        timed(TimeFormat::Milliseconds).content([
            Component::Method,
            line(),
            Component::EscapedTarget,
            line(),
            Component::headers_listed_in("x-list"),
            line(),
            Component::Body,
        ]),
        timed(TimeFormat::Seconds).content([
            Component::header("x-nonce"),
            Component::Timestamp.of_length(10),
            Component::Body,
        ]),
        start()
            .algorithm(Algorithm::Hash(Digest::Keccak256))
            .content([Component::Body, Component::Secret]),
    ]
}

proptest! {
    #[test]
    fn what_is_signed_is_verified_and_nothing_else(
        which in 0_usize..17,
        secret in "[a-z0-9]{12,80}",
        time in 1_u64..4_000_000_000,
        text in "[a-z]{0,40}",
        at in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let scheme = schemes().swap_remove(which).build().unwrap();
        let secret = SigningSecret::from_text(&secret).unwrap();
        let signer = Signer::new(scheme.clone(), secret.clone());
        // One of them needs ten digits.
        let now = UnixTime::from_secs(if which == 15 { time.max(1_000_000_000) } else { time });
        let written = signer.scheme.general.as_ref().and_then(|general| {
            general.time.as_ref().map(|time| time.format.print(now))
        });
        let written = written.unwrap_or_else(|| now.to_string());
        let said = Said { time: &written, id: "evt_1", key_id: "1" };
        let mut out = Outgoing {
            method: Method::POST,
            uri: Uri::from_static("/hooks?x=1"),
            headers: HeaderMap::new(),
            body: format!(r#"{{"a":"{text}"}}"#).into_bytes(),
        };
        signer.seal(&mut out, said, said, false).unwrap();
        let verifier = Verifier::new(scheme, secret);
        let verify = |out: &Outgoing| {
            let head = RequestHead::new(&out.method, &out.uri, &out.headers);
            verifier.verify(head, &out.body, now)
        };
        let verified = verify(&out).unwrap();
        prop_assert!(verified.signed_at().is_none_or(|at| at == now));
        prop_assert!(verified.id().is_none_or(|id| id == "evt_1"));

        let mut changed = out.clone();
        let place = at.index(changed.body.len());
        changed.body[place] ^= 1 << bit;
        prop_assert!(verify(&changed).is_err(), "a byte of the body");
        let mut longer = out.clone();
        longer.body.push(b' ');
        prop_assert!(verify(&longer).is_err(), "a blank behind the body");
        let mut spoilt = out.clone();
        signer.seal(&mut spoilt, said, said, true).unwrap();
        prop_assert!(verify(&spoilt).is_err(), "a bit of the signature");
        for name in ["x-signature", "x-time"] {
            let Some(value) = out.headers.get(name) else { continue };
            let mut bytes = value.as_bytes().to_vec();
            let place = at.index(bytes.len());
            bytes[place] ^= 1 << bit;
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { continue };
            let mut changed = out.clone();
            changed.headers.insert(name, value);
            prop_assert!(verify(&changed).is_err(), "a byte of {name}");
        }
        for uri in ["/hooks?x=2", "/hooks", "/hooks?x=1&id=evt_2", "/hooks?sig=00"] {
            let mut changed = out.clone();
            changed.uri = Uri::from_static(uri);
            let covers_query = matches!(which, 11..=14);
            prop_assert_eq!(verify(&changed).is_err(), covers_query, "{}", uri);
        }
    }
}
