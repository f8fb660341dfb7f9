//! Standard Webhooks, in either family of its headers.

use super::*;

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
