use proptest::prelude::*;

use super::*;

const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d82";

#[test]
fn what_is_no_token_is_refused_by_position() {
    let characters =
        "path token: number 2: holds a character other than A-Z, a-z, 0-9, '-', '.', '_' and '~'";
    let placeholder = "path token: number 2: looks like a placeholder that nothing has filled in, and can \
                       be guessed";
    let few =
        |n| format!("path token: number 2: {n} characters are too few, at least 8 are needed");
    for (token, text) in [
        ("", few(0)),
        ("1234567", few(7)),
        (
            "........",
            "path token: number 2: made of dots alone".into(),
        ),
        ("your-secret-token", placeholder.into()),
        ("changeme-please", placeholder.into()),
        ("BLOX_WEBHOOK_SECRET", placeholder.into()),
        ("with/slash", characters.into()),
        ("percent%41", characters.into()),
        ("white space", characters.into()),
        ("line-end\n", characters.into()),
        ("ümlaut-ü", characters.into()),
        (
            &"a".repeat(257),
            "path token: number 2: 257 characters are too many, at most 256 are taken".into(),
        ),
    ] {
        let error = PathTokens::parse([TOKEN, token]).unwrap_err();
        assert_eq!(error.to_string(), text, "{token:?}");
    }
    for token in ["12345678", "Az09-._~", ".......a", &"a".repeat(256)] {
        assert!(
            PathTokens::parse([token])
                .unwrap()
                .matches(token.as_bytes())
        );
    }
}

#[test]
fn one_to_eight_tokens_are_in_use_and_are_replaced_for_all_clones() {
    let none: [&str; 0] = [];
    assert_eq!(
        PathTokens::parse(none).unwrap_err().to_string(),
        "path token: at least one is needed"
    );
    let many = (0..9).map(|n| format!("{TOKEN}-{n}"));
    assert_eq!(
        PathTokens::parse(many).unwrap_err().to_string(),
        "path token: at most 8 are in use at once"
    );
    let eight: Vec<_> = (0..8).map(|n| format!("{TOKEN}-{n}")).collect();
    let tokens = PathTokens::parse(&eight).unwrap();
    assert!(eight.iter().all(|token| tokens.matches(token.as_bytes())));

    let twice = PathTokens::parse([TOKEN, TOKEN]).unwrap();
    assert!(twice.matches(TOKEN.as_bytes()), "listed twice by mistake");

    let shared = tokens.clone();
    assert!(tokens.replace(["short"]).is_err());
    assert!(shared.matches(eight[0].as_bytes()), "the old ones stay");
    tokens.replace([TOKEN]).unwrap();
    assert!(shared.matches(TOKEN.as_bytes()));
    assert!(!shared.matches(eight[0].as_bytes()));
}

#[test]
fn no_token_is_printed() {
    let tokens = PathTokens::parse([TOKEN]).unwrap();
    assert_eq!(
        format!("{tokens:?} {tokens:#?}"),
        "PathTokens([REDACTED]) PathTokens([REDACTED])"
    );
    let shown = ShownToken::of(TOKEN.as_bytes()).unwrap();
    assert_eq!(format!("{shown:?}"), "[REDACTED]");
    let secret = "p455word/with/slashes";
    let error = PathTokens::parse([secret]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("p455"), "{error:?}");
}

#[test]
fn the_last_segment_is_split_off() {
    for (path, split) in [
        ("/webhooks/blox/tok", Some(("/webhooks/blox", "tok"))),
        ("/tok", Some(("/", "tok"))),
        ("//tok", Some(("/", "tok"))),
        ("/a//tok", Some(("/a/", "tok"))),
        ("/a/%74ok", Some(("/a", "%74ok"))),
        ("/a/..", Some(("/a", ".."))),
        ("/a/tok/", None),
        ("/", None),
        ("", None),
        ("*", None),
        ("tok", None),
        ("a/tok", None),
    ] {
        assert_eq!(split_token(path, None), split, "{path:?}");
    }
}

#[test]
fn the_token_is_cut_out_of_a_uri_and_nothing_else() {
    for (uri, expected) in [
        ("/webhooks/blox/tok?x=1", Some("/webhooks/blox?x=1")),
        ("/tok", Some("/")),
        ("/tok?", Some("/?")),
        ("/tok?a=/b/c", Some("/?a=/b/c")),
        ("/a%2Fb/tok", Some("/a%2Fb")),
        ("//example.com/tok", Some("//example.com")),
        (
            "https://user@example.com:8443/a/tok?x",
            Some("https://user@example.com:8443/a?x"),
        ),
        ("http://example.com/tok", Some("http://example.com/")),
        ("http://example.com", None),
        ("http://example.com/", None),
        ("/a/tok/", None),
        ("/", None),
        ("*", None),
        ("example.com:443", None),
        ("example.com", None),
    ] {
        let cut = without_token(&uri.parse().unwrap(), None);
        assert_eq!(cut.map(|uri| uri.to_string()).as_deref(), expected, "{uri}");
    }
}

const TOKENS: &str = "[A-Za-z0-9._~-]{7,255}[a-z]";

proptest! {
    #[test]
    fn a_token_in_use_matches_and_nothing_else_does(
        tokens in prop::collection::vec(TOKENS, 1..=8),
        other in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            TOKENS.prop_map(String::into_bytes),
        ],
        (which, at) in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let handle = PathTokens::parse(&tokens).unwrap();
        for token in &tokens {
            prop_assert!(handle.matches(token.as_bytes()));
        }
        let held = |bytes: &[u8]| tokens.iter().any(|token| token.as_bytes() == bytes);
        prop_assert_eq!(handle.matches(&other), held(&other));

        let token = which.get(&tokens).as_bytes();
        let at = at.index(token.len());
        let mut flipped = token.to_vec();
        flipped[at] ^= 1;
        prop_assert_eq!(handle.matches(&flipped), held(&flipped));
        prop_assert_eq!(handle.matches(&token[..at]), held(&token[..at]));
        let longer = [token, b"a".as_slice()].concat();
        prop_assert_eq!(handle.matches(&longer), held(&longer));
    }

    #[test]
    fn a_token_comes_off_as_it_was_put_on(
        prefix in "(/[a-z0-9%._~-]{1,8}){0,4}",
        token in TOKENS,
        query in prop::option::of("[a-z0-9=&/?]{0,20}"),
        origin in prop_oneof![Just(""), Just("https://example.com")],
    ) {
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        let uri = format!("{origin}{prefix}/{token}{query}").parse::<Uri>().unwrap();
        prop_assert_eq!(split_token(uri.path(), None).unwrap().1, token);
        let root = if prefix.is_empty() { "/" } else { "" };
        let expected = format!("{origin}{prefix}{root}{query}");
        prop_assert_eq!(without_token(&uri, None).unwrap().to_string(), expected);
    }

    #[test]
    fn no_uri_makes_it_panic(text in any::<Vec<u8>>()) {
        if let Ok(uri) = Uri::try_from(text) {
            let split = split_token(uri.path(), None);
            prop_assert_eq!(without_token(&uri, None).is_some(), split.is_some());
        }
    }
}
