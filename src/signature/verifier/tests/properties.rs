//! Properties that hold for any frames, bytes and headers.

use proptest::prelude::*;

use super::*;

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
