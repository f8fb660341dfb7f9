//! Secrets in base64.

use super::*;

#[test]
fn base64_is_told_apart_from_what_reads_like_it() {
    let format = SecretFormat::base64("whsec_");
    let why = |text: &str| format.parse(text).unwrap_err().to_string();
    for (text, what) in [
        ("polar_whs_0123456789abcdef", "standard_webhooks::text_keys"),
        ("sk_live_51NxYzABCDEFGHIJKLMNOP", "API key"),
        ("rk_test_51NxYzABCDEFGHIJKLMNOP", "API key"),
        ("we_1NxYzABCDEFGHIJKLMNOP", "id of an endpoint"),
        ("msg_p5jXN8AQM9LWM0D4loKWxJek", "id of an endpoint"),
        ("b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", "id of an endpoint"),
        ("sk-proj-abcdef0123456789", "API key"),
        (
            "d2hzZWNfTWZLUTlyOEdLWXFyVHdqVVBEOElMUFpJbzJMYUxhU3c=",
            "Kubernetes",
        ),
        ("whsec_d2hzZWNfTWZLUTlyOEdLWXFyVHdqVVBEOElM", "Kubernetes"),
        ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "exactly whsec_"),
        ("whsec-MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "exactly whsec_"),
        ("whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2", "twice"),
        (
            "whsec_MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbL",
            "a public key",
        ),
        ("8f742231b10e8888abcd99ccc01185a5", "hex"),
        ("8F742231B10E8888ABCD99CCC01185A5", "hex"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2La-_+/", "not base64"),
        ("hunter2hunter2 hunter2", "text_keys"),
        (
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "signature",
        ),
    ] {
        let error = why(text);
        assert!(error.contains(what), "{text}: {error}");
    }
    let tag = |text: &str| {
        let mut state = format.parse(text).unwrap().start();
        state.update(b"body");
        state.finish()
    };
    let expected = tag("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_eq!(tag("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), expected);
    // The same bytes in both alphabets.
    let standard = tag("whsec_++/++/++/++/++/++/++/++/++/++/++");
    assert_eq!(tag("whsec_--_--_--_--_--_--_--_--_--_--_--"), standard);
    assert_eq!(
        tag("--_--_--_--_--_--_--_--_--_--_--"),
        tag("++/++/++/++/++/++/++/++/++/++/++")
    );
    // After the prefix, hex digits are base64: senders have generated such secrets.
    assert!(
        format
            .parse("whsec_8f742231b10e8888abcd99ccc01185a5")
            .is_ok()
    );
}

#[test]
fn base64_secrets_may_lack_their_padding_and_prefix() {
    // The example secret of the Standard Webhooks specification, and the same bytes padded.
    let format = SecretFormat::base64("whsec_");
    let with = |text: &str| {
        let mut state = format.parse(text).unwrap().start();
        state.update(b"body");
        state.finish()
    };
    let expected = with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_eq!(with("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), expected);
    assert_eq!(
        with("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        with("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    );
}
