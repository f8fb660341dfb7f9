//! Right, forged and stale deliveries, byte by byte.

use super::*;

#[test]
fn a_right_signature_tells_key_and_time() {
    let verified = verdict(&format!("t={SIGNED},v1={BY_OLD}"), BODY, SIGNED).unwrap();
    assert_eq!(verified.signed_at(), Some(secs(SIGNED)));
    assert_eq!(verified.key_id().as_str(), "1");
    assert_eq!(verified.id(), None);
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

/// Even if two bytes differ by the same bits: a MAC is compared in words that are combined.
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

    // Times at the limits of nineteen digits are valid but far off, nothing more.
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
