//! Key rings, with the names and ends of keys.

use super::*;
use crate::clock::UnixTime;

#[test]
fn a_ring_has_between_one_and_eight_keys_of_different_names() {
    let key = |id: &str| {
        SigningKey::new(
            id,
            SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap(),
        )
    };
    assert!(KeyRing::new([]).is_err());
    assert!(KeyRing::new([key("a"), key("a")]).is_err());
    let many = |n: usize| KeyRing::new((0..n).map(|n| key(&n.to_string())));
    assert_eq!(many(8).unwrap().ids().len(), 8);
    assert_eq!(
        many(9).unwrap_err().to_string(),
        "signing secret: a key ring holds at most 8 keys"
    );

    let ring = KeyRing::new([key("a"), key("b")]).unwrap();
    let shared = ring.clone();
    assert!(ring.replace([]).is_err());
    assert_eq!(shared.ids(), ["a".into(), "b".into()]);
    ring.replace([key("c")]).unwrap();
    assert_eq!(shared.ids(), ["c".into()]);

    let error = KeyRing::parse(&SecretFormat::Text, ["whsec_test_9f8e7d6c5b4a", "x"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "signing secret: number 2: 1 bytes are too few, at least 12 are needed"
    );
}

#[test]
fn a_key_ends_at_its_expiry() {
    let key = SigningKey::new(
        "a",
        SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap(),
    )
    .expires_at(UnixTime::from_secs(100));
    assert_eq!(key.id().to_string(), "a");
    assert!(key.is_active(UnixTime::from_secs(99)));
    assert!(!key.is_active(UnixTime::from_secs(100)));
}

#[test]
fn a_name_is_the_same_however_long_it_is() {
    // Around the length up to which a name is stored inline, also with more than one byte per
    // letter.
    for text in [
        "",
        "1",
        "2026-06",
        "a name of 22 bytes ...",
        "a name of 23 bytes ....",
        "é",
        "ééééééééééé",
        "éééééééééééé",
    ] {
        let id = KeyId::from(text);
        assert_eq!(id.as_str(), text);
        assert_eq!(id.to_string(), text);
        assert_eq!(format!("{id:?}"), format!("KeyId({text:?})"));
        assert_eq!(id, KeyId::from(text.to_owned()));
        assert_ne!(id, KeyId::from(format!("{text}\0")));
    }
}

#[cfg(feature = "asymmetric")]
#[test]
fn the_keys_of_a_source_are_neither_replaced_nor_rotated() {
    use crate::keys::{FetchError, FetchKeys, KeySource};

    struct Nothing;

    impl FetchKeys for Nothing {
        async fn fetch(&self, _: &str) -> Result<Vec<SigningKey>, FetchError> {
            Ok(Vec::new())
        }
    }

    let ring = KeyRing::from(KeySource::list(Nothing));
    let key = || {
        SigningKey::new(
            "a",
            SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap(),
        )
    };
    assert!(ring.replace([key()]).is_err());
    assert!(ring.rotate(key(), UnixTime::from_secs(0)).is_err());
}
