//! Two keys at once, until the old one ends.

use super::*;

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

    // A repeated signature matches once.
    assert_eq!(key(format!("t={SIGNED},v1={BY_OLD},v1={BY_OLD}")), "2");

    // The sender signs with both, and both names are reported in the order of the ring.
    for value in [
        format!("t={SIGNED},v1={BY_OLD},v1={BY_NEW}"),
        format!("t={SIGNED},v1={BY_NEW},v1={BY_OLD}"),
    ] {
        assert_eq!(key(value), "1,2");
    }

    // The rotation ends: the old secret expires, then is removed from the running ring.
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
