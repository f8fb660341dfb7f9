use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::encoding::Encoding;
use crate::secret::{SecretFormat, SigningKey, SigningSecret};

const OLD: &str = "whsec_test_9f8e7d6c5b4a";
const NEW: &str = "whsec_test_the_new_one";
const BODY: &[u8] = br#"{"id":"evt_1"}"#;
const SIGNED: u64 = 1_777_899_600;

// printf '%s' '1777899600.{"id":"evt_1"}' | openssl dgst -sha256 -hmac "$SECRET"
const BY_OLD: &str = "c706533404014f078f7de5b301dcd904b5344a239be2f36ac1e46539b3f51701";
const BY_NEW: &str = "7d0206d93ce4ed2aa88cac91539b846b7088982525e90412fba6059f8b5a74b4";
const OTHER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn scheme() -> Scheme {
    Scheme::builder("x-acme-signature")
        .pairs("t", "v1", Encoding::Hex)
        .content([
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .build()
        .unwrap()
}

fn verifier(secrets: &[&str]) -> Verifier {
    Verifier::new(
        scheme(),
        KeyRing::parse(&SecretFormat::Text, secrets).unwrap(),
    )
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn signed(value: &str) -> HeaderMap {
    headers(&[("x-acme-signature", value)])
}

fn secs(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

#[track_caller]
fn verdict(value: &str, body: &[u8], now: u64) -> Result<Verified, Kind> {
    verifier(&[OLD])
        .verify(&signed(value), body, secs(now))
        .map_err(|error| error.kind())
}

#[test]
fn a_right_signature_tells_key_and_time() {
    let verified = verdict(&format!("t={SIGNED},v1={BY_OLD}"), BODY, SIGNED).unwrap();
    assert_eq!(verified.signed_at(), Some(secs(SIGNED)));
    assert_eq!(verified.key_id().as_str(), "1");
    assert_eq!(verified.id(), None);
}

#[test]
fn both_keys_count_during_a_roll_over() {
    let both = verifier(&[NEW, OLD]);
    let key = |value: String| {
        let verified = both.verify(&signed(&value), BODY, secs(SIGNED)).unwrap();
        assert_eq!(Some(verified.key_id()), verified.key_ids().iter().next());
        verified.key_ids().to_string()
    };
    assert_eq!(key(format!("t={SIGNED},v1={BY_OLD}")), "2");
    assert_eq!(key(format!("t={SIGNED},v1={BY_NEW}")), "1");
    assert_eq!(
        key(format!("t={SIGNED},v1={OTHER},v1=short,v1={BY_OLD}")),
        "2"
    );

    // A signature that stands twice is right twice over.
    assert_eq!(key(format!("t={SIGNED},v1={BY_OLD},v1={BY_OLD}")), "2");

    // The sender signs with both, and both names are told in the order of the ring.
    for value in [
        format!("t={SIGNED},v1={BY_OLD},v1={BY_NEW}"),
        format!("t={SIGNED},v1={BY_NEW},v1={BY_OLD}"),
    ] {
        assert_eq!(key(value), "1,2");
    }

    // The roll-over ends: the old secret expires, then leaves the running ring.
    let secret = |text| SigningSecret::from_text(text).unwrap();
    let ring = KeyRing::new([
        SigningKey::new("new", secret(NEW)),
        SigningKey::new("old", secret(OLD)).expires_at(secs(SIGNED + 60)),
    ]);
    let verifier = Verifier::new(scheme(), ring.unwrap());
    let by_old = signed(&format!("t={SIGNED},v1={BY_OLD}"));
    assert!(verifier.verify(&by_old, BODY, secs(SIGNED + 59)).is_ok());
    let error = verifier
        .verify(&by_old, BODY, secs(SIGNED + 60))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Mismatch);

    let expired = SigningKey::new("old", secret(OLD)).expires_at(secs(SIGNED));
    verifier.keys().replace([expired]).unwrap();
    let error = verifier.verify(&by_old, BODY, secs(SIGNED)).unwrap_err();
    assert_eq!(error.kind(), Kind::NoActiveKey);
}

#[test]
fn forged_and_stale_are_told_apart() {
    let right = format!("t={SIGNED},v1={BY_OLD}");
    assert_eq!(
        verdict(&right, br#"{"id":"evt_2"}"#, SIGNED),
        Err(Kind::Mismatch)
    );
    assert_eq!(verdict(&right, b"", SIGNED), Err(Kind::Mismatch));
    let moved = format!("t={},v1={BY_OLD}", SIGNED + 1);
    assert_eq!(verdict(&moved, BODY, SIGNED), Err(Kind::Mismatch));
    assert_eq!(
        verdict(&moved, BODY, SIGNED + 9_000),
        Err(Kind::Mismatch),
        "forged comes first"
    );

    assert!(verdict(&right, BODY, SIGNED + 300).is_ok());
    assert_eq!(verdict(&right, BODY, SIGNED + 301), Err(Kind::TooOld));
    assert!(verdict(&right, BODY, SIGNED - 300).is_ok());
    assert_eq!(verdict(&right, BODY, SIGNED - 301), Err(Kind::TooNew));

    let error = verifier(&[OLD])
        .verify(&signed(&right), BODY, secs(SIGNED + 301))
        .unwrap_err();
    assert!(error.is_stale());
    assert_eq!(error.key_id().map(KeyId::as_str), Some("1"));
    assert_eq!(
        error.to_string(),
        "signed too long ago by key \"1\", 301 s away: a replay, or a wrong clock"
    );
    let forged = verifier(&[OLD])
        .verify(&signed(&right), b"", secs(SIGNED + 301))
        .unwrap_err();
    assert!(!forged.is_stale());
    assert_eq!(forged.key_id(), None);

    let strict = verifier(&[OLD]).tolerance(Tolerance::from_secs(60).unwrap());
    let kind = |now| {
        strict
            .verify(&signed(&right), BODY, secs(now))
            .map_err(|e| e.kind())
    };
    assert!(kind(SIGNED + 60).is_ok());
    assert_eq!(kind(SIGNED + 61), Err(Kind::TooOld));
}

/// Also where two bytes differ by the same bits: a MAC is compared in words that are put together.
#[test]
fn a_signature_that_differs_anywhere_is_none() {
    let right = data_encoding::HEXLOWER.decode(BY_OLD.as_bytes()).unwrap();
    let by_old = verifier(&[OLD]);
    for (first, second) in (0..MAC_LEN).flat_map(|a| (a..MAC_LEN).map(move |b| (a, b))) {
        let mut forged = right.clone();
        forged[first] ^= 0x81;
        if second != first {
            forged[second] ^= 0x81;
        }
        let forged = data_encoding::HEXLOWER.encode(&forged);
        let headers = signed(&format!("t={SIGNED},v1={forged}"));
        let verdict = by_old.verify(&headers, BODY, secs(SIGNED));
        let kind = verdict.map_err(|error| error.kind());
        assert_eq!(kind, Err(Kind::Mismatch), "{first} and {second}");
    }
}

#[test]
fn the_timestamp_is_signed_as_received() {
    // The signature over `01777899600.{…}` is right, and the number is the same: still refused.
    const ZERO_PADDED: &str = "a79964f814124bbe733689293b714279d9c30484b67a675bef4fe54664ac9db0";
    let padded = format!("t=0{SIGNED},v1={ZERO_PADDED}");
    assert_eq!(verdict(&padded, BODY, SIGNED), Err(Kind::InvalidTimestamp));

    // Times at the ends of what nineteen digits hold are right and far away, nothing more.
    const OF_ZERO: &str = "65f1da4fca6a2f277970b285319f882233747958fd594aa7018fb6a28942cd11";
    assert_eq!(
        verdict(&format!("t=0,v1={OF_ZERO}"), BODY, SIGNED),
        Err(Kind::TooOld)
    );
    const OF_NINES: &str = "50642f90c634a43426c15fcf6a8c95f9652bd15495c276bb8ea67fd8d0ee81f1";
    let nines = format!("t=9999999999999999999,v1={OF_NINES}");
    assert_eq!(verdict(&nines, BODY, SIGNED), Err(Kind::TooNew));
}

#[test]
fn a_body_is_bytes() {
    // printf '1777899600.\xff\x00\xfe' | openssl dgst -sha256 -hmac "$SECRET"; and with no body.
    const BINARY: &str = "712d083a771ffc36fd123f0614658a3045f862dd273f56681f35cc6c2c23104e";
    const EMPTY: &str = "841c957df0e472f1111d75e55993441aa3e8abf7f524a3b8492dcaa0859d85f2";
    assert!(verdict(&format!("t={SIGNED},v1={BINARY}"), b"\xff\x00\xfe", SIGNED).is_ok());
    assert!(verdict(&format!("t={SIGNED},v1={EMPTY}"), b"", SIGNED).is_ok());
}

#[test]
fn headers_stand_once_and_of_one_family() {
    let right = format!("t={SIGNED},v1={BY_OLD}");
    let check = |headers: &HeaderMap| {
        let error = verifier(&[OLD])
            .verify(headers, BODY, secs(SIGNED))
            .unwrap_err();
        (error.kind(), error.to_string())
    };
    let twice = headers(&[("x-acme-signature", &right), ("x-acme-signature", &right)]);
    assert!(verifier(&[OLD]).verify(&twice, BODY, secs(SIGNED)).is_ok());
    let differing = headers(&[
        ("x-acme-signature", &right),
        ("x-acme-signature", "t=1,v1="),
    ]);
    assert_eq!(
        check(&differing),
        (
            Kind::RepeatedHeader,
            "header x-acme-signature: there more than once, with values that differ".into()
        )
    );
    assert_eq!(
        check(&HeaderMap::new()),
        (
            Kind::MissingHeader,
            "header x-acme-signature: not there".into()
        )
    );
}

fn standard() -> Verifier {
    let content = [
        Component::Id,
        Component::literal("."),
        Component::Timestamp,
        Component::literal("."),
        Component::Body,
    ];
    let scheme = Scheme::builder("webhook-signature")
        .timestamp_header("webhook-timestamp")
        .id_header("webhook-id")
        .or_family("svix-signature")
        .timestamp_header("svix-timestamp")
        .id_header("svix-id")
        .list("v1,", Encoding::Base64)
        .content(content)
        .secrets(SecretFormat::base64("whsec_"))
        .build()
        .unwrap();
    let keys = KeyRing::parse(
        scheme.secret_format(),
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    );
    Verifier::new(scheme, keys.unwrap())
}

#[test]
fn standard_webhooks_in_either_family_or_in_both_alike() {
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let check = |pairs: &[(&'static str, &str)]| {
        let now = secs(1_614_265_330);
        let verified = standard().verify(&headers(pairs), br#"{"test": 2432232314}"#, now);
        verified
            .map(|v| v.id().unwrap().to_owned())
            .map_err(|error| error.kind())
    };
    let time = "1614265330";
    let webhook = [
        ("webhook-id", ID),
        ("webhook-timestamp", time),
        ("webhook-signature", SIGNATURE),
    ];
    let svix = [
        ("svix-id", ID),
        ("svix-timestamp", time),
        ("svix-signature", SIGNATURE),
    ];
    assert_eq!(check(&webhook), Ok(ID.to_owned()));
    assert_eq!(check(&svix), Ok(ID.to_owned()));
    assert_eq!(
        check(&[webhook.as_slice(), &svix].concat()),
        Ok(ID.to_owned())
    );
    assert_eq!(
        check(&[webhook.as_slice(), &svix[1..]].concat()),
        Ok(ID.to_owned())
    );
    for differing in [
        ("svix-id", "msg_2"),
        ("svix-timestamp", "1614265331"),
        ("svix-signature", "v1,AAAA"),
    ] {
        let both = [webhook.as_slice(), &[differing]].concat();
        assert_eq!(check(&both), Err(Kind::MixedFamilies), "{differing:?}");
        // Inside one family.
        let both = [webhook.as_slice(), &svix, &[differing]].concat();
        assert!(check(&both).is_err(), "{differing:?}");
    }
    assert_eq!(
        check(&[webhook[0], webhook[1], svix[2]]),
        Err(Kind::MixedFamilies)
    );
    let mixed = headers(&[webhook[0], webhook[1], svix[2]]);
    let error = standard().verify(&mixed, b"", secs(1_614_265_330));
    assert_eq!(
        error.unwrap_err().to_string(),
        "header svix-signature: differs from that of another family, or neither is whole"
    );
    assert_eq!(check(&webhook[..2]), Err(Kind::MissingHeader));
    assert_eq!(check(&[webhook[0], webhook[2]]), Err(Kind::MissingHeader));
    assert_eq!(
        check(&[("webhook-id", ""), webhook[1], webhook[2]]),
        Err(Kind::InvalidId)
    );
    // `msg.1` + `2` and `msg` + `1.2` would be signed alike.
    assert_eq!(
        check(&[("webhook-id", "msg.1"), webhook[1], webhook[2]]),
        Err(Kind::InvalidId)
    );
    let longest = "x".repeat(256);
    assert_eq!(
        check(&[
            ("webhook-id", &format!("{longest}x")),
            webhook[1],
            webhook[2]
        ]),
        Err(Kind::InvalidId)
    );
    assert_eq!(
        check(&[("webhook-id", &longest), webhook[1], webhook[2]]),
        Err(Kind::Mismatch),
        "long enough to be looked at"
    );
    assert_eq!(
        check(&[webhook[0], webhook[0], webhook[1], webhook[2]]),
        Ok(ID.to_owned())
    );
    assert_eq!(
        check(&[("webhook-id", "msg_2"), webhook[0], webhook[1], webhook[2]]),
        Err(Kind::RepeatedHeader)
    );
}

#[test]
fn content_is_built_from_pieces_before_and_after_the_body() {
    // printf 'v0:1777899600:a=b' | openssl dgst -sha256 -hmac "$SECRET"
    const SLACK: &str = "v0=2ad774c4765bb1779cae89edc44406514d802f862225a3f9c52c40ff9a539a45";
    let build = |prefix, content: &[Component]| {
        let scheme = Scheme::builder("x-signature")
            .single(prefix, Encoding::Hex)
            .timestamp_header("x-time")
            .content(content.iter().cloned())
            .build()
            .unwrap();
        Verifier::new(scheme, SigningSecret::from_text(OLD).unwrap())
    };
    let check = |verifier: &Verifier, signature| {
        let headers = headers(&[("x-time", "1777899600"), ("x-signature", signature)]);
        verifier.verify(&headers, b"a=b", secs(SIGNED)).is_ok()
    };
    let literal = |text: &'static str| Component::literal(text);
    let (time, body) = (Component::Timestamp, Component::Body);
    assert!(check(
        &build(
            "v0=",
            &[literal("v0:"), time.clone(), literal(":"), body.clone()]
        ),
        SLACK
    ));

    // printf 'a=b|1777899600|end' | openssl dgst -sha256 -hmac "$SECRET"
    const AFTER: &str = "b18bad2303bd261854788159c5f1f3f990056dd953ed5fd776a32bef9aba8ebf";
    assert!(check(
        &build("", &[body, literal("|"), time, literal("|end")]),
        AFTER
    ));
}

#[test]
fn an_id_and_what_follows_it_have_one_reading() {
    // `a:` + `::` + `B` and `a` + `::` + `:B` are signed alike.
    let scheme = Scheme::builder("x-signature")
        .single("", Encoding::Hex)
        .id_header("x-id")
        .content([Component::Id, Component::literal("::"), Component::Body])
        .build()
        .unwrap();
    let verifier = Verifier::new(scheme, SigningSecret::from_text(OLD).unwrap());
    let kind = |id: &str| {
        let headers = headers(&[("x-id", id), ("x-signature", OTHER)]);
        verifier
            .verify(&headers, b"B", secs(SIGNED))
            .unwrap_err()
            .kind()
    };
    assert_eq!(kind("a:"), Kind::InvalidId);
    assert_eq!(kind("a::b"), Kind::InvalidId);
    assert_eq!(kind("a:b"), Kind::Mismatch);
}

#[test]
fn nothing_secret_is_printed() {
    let headers = signed(&format!("t={SIGNED},v1={BY_OLD}"));
    let verifier = verifier(&[OLD]);
    let check = verifier.begin(&headers, secs(SIGNED)).unwrap();
    let error = verifier.verify(&headers, b"", secs(SIGNED)).unwrap_err();
    assert_eq!(
        format!("{check:?}"),
        "Verification { candidates: 1, keys: 1, signed_at: Some(UnixTime(1777899600.000000)), \
         id: None, tolerance: Tolerance(300) }"
    );
    let printed = format!("{verifier:?} {error:?} {error}");
    for secret in [OLD, BY_OLD, "[199, 6, 83"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

proptest! {
    #[test]
    fn frames_do_not_matter(cut in 0..=BODY.len()) {
        let headers = signed(&format!("t={SIGNED},v1={BY_OLD}"));
        let mut check = verifier(&[OLD]).begin(&headers, secs(SIGNED)).unwrap();
        check.update(&BODY[..cut]);
        check.update(&BODY[cut..]);
        prop_assert!(check.finish(secs(SIGNED)).is_ok());
    }

    #[test]
    fn a_whole_body_and_its_frames_get_one_verdict(
        body in prop_oneof![Just(BODY.to_vec()), prop::collection::vec(any::<u8>(), 0..200)],
        value in prop_oneof![
            Just(format!("t={SIGNED},v1={BY_OLD}")),
            Just(format!("t={SIGNED},v1={OTHER},v1={BY_NEW}")),
            "t=[0-9]{0,3},v1=[0-9a-f]{60,64}",
        ],
        late in 0_u64..600,
        expired: bool,
        after in prop::sample::select(vec![None, Some("."), Some("|end")]),
    ) {
        let mut content = vec![Component::Timestamp, Component::literal("."), Component::Body];
        content.extend(after.map(Component::literal));
        let scheme = Scheme::builder("x-acme-signature")
            .pairs("t", "v1", Encoding::Hex)
            .content(content)
            .build()
            .unwrap();
        let key = |id, text| SigningKey::new(id, SigningSecret::from_text(text).unwrap());
        let mut keys = vec![key("old", OLD), key("new", NEW)];
        if expired {
            keys = keys.into_iter().map(|key| key.expires_at(secs(SIGNED + 250))).collect();
        }
        let verifier = Verifier::new(scheme, KeyRing::new(keys).unwrap());
        let (headers, now) = (signed(&value), secs(SIGNED + late));
        let whole = verifier.verify(&headers, &body, now);
        let framed = verifier.begin(&headers, now).and_then(|mut check| {
            body.chunks(7).for_each(|frame| check.update(frame));
            check.finish(now)
        });
        prop_assert_eq!(whole, framed);
    }

    #[test]
    fn no_changed_byte_is_accepted(at in 0..BODY.len(), flip in 1_u8..) {
        let mut body = BODY.to_vec();
        body[at] ^= flip;
        prop_assert_eq!(verdict(&format!("t={SIGNED},v1={BY_OLD}"), &body, SIGNED), Err(Kind::Mismatch));
    }

    #[test]
    fn no_headers_panic(value in "[ -~]{0,120}", body in prop::collection::vec(any::<u8>(), 0..50), now: u64) {
        prop_assert!(verdict(&value, &body, now).is_err());
    }
}
