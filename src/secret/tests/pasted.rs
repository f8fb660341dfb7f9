//! Text that people paste in place of a secret.

use super::*;

/// Text that people have pasted in place of a secret, and a word of the error.
const PASTED: &[(&str, &str)] = &[
    ("\"whsec_test_9f8e7d6c5b4a\"", "quotes"),
    ("'whsec_test_9f8e7d6c5b4a'", "quotes"),
    ("`whsec_test_9f8e7d6c5b4a`", "quotes"),
    ("“whsec_test_9f8e7d6c5b4a”", "quotes"),
    ("„whsec_test_9f8e7d6c5b4a“", "quotes"),
    ("‘whsec_test_9f8e7d6c5b4a’", "quotes"),
    ("«whsec_test_9f8e7d6c5b4a»", "quotes"),
    ("\"whsec_test_9f8e7d6c5b4a\",", "quotes"),
    ("'whsec_test_9f8e7d6c5b4a';", "quotes"),
    ("\\\"whsec_test_9f8e7d6c5b4a\\\"", "quotes"),
    ("b'whsec_test_9f8e7d6c5b4a'", "quotes"),
    ("whsec_test_9f8e7d6c5b4a,", "alone"),
    ("whsec_test_9f8e7d6c5b4a;", "alone"),
    ("whsec_test_9f8e7d6c5b4a # production", "alone"),
    ("whsec_test_9f8e7d6c5b4a%0A", "alone"),
    ("[object Object]", "placeholder"),
    ("@Microsoft.KeyVault(SecretUri=https://x)", "kept"),
    ("ENC[AES256_GCM,data:abc]", "encrypted"),
    ("\u{feff}whsec_test_9f8e7d6c5b4a", "does not show"),
    ("whsec_test_9f8e7d6c5b4a\u{200b}", "does not show"),
    ("whsec_test_\u{200d}9f8e7d6c5b4a", "does not show"),
    ("whsec_test_9f8e\n7d6c5b4a", "does not show"),
    ("whsec_test_9f8e7d6c5b4a\u{0}", "does not show"),
    ("whsec_test_9f8e7d6c5b4a\\n", "written as \\n"),
    ("whsec_test_9f8e7d6c5b4a\\r\\n", "written as \\n"),
    ("whsec_test_9f8e7d6c5b4a\r\n", "white space"),
    ("\u{a0}whsec_test_9f8e7d6c5b4a", "white space"),
    ("${STRIPE_WEBHOOK_SECRET}", "placeholder"),
    ("$STRIPE_WEBHOOK_SECRET", "placeholder"),
    ("$(pass show webhook)", "placeholder"),
    ("$env:WEBHOOK_SECRET", "placeholder"),
    ("{{ stripe_secret }}", "placeholder"),
    ("{WEBHOOK_SECRET}", "placeholder"),
    ("#{webhook_secret}", "placeholder"),
    ("<your secret>", "placeholder"),
    ("<%= ENV['SECRET'] %>", "placeholder"),
    ("%WEBHOOK_SECRET%", "placeholder"),
    ("%(webhook_secret)s", "placeholder"),
    ("STRIPE_WEBHOOK_SECRET", "placeholder"),
    ("your_webhook_secret", "placeholder"),
    ("YOUR-SECRET-KEY-HERE", "placeholder"),
    ("whsec_************", "in part"),
    ("whsec_9f8e7d6c5b4a...", "in part"),
    ("whsec_9f8e7d6c5b4a…", "in part"),
    ("••••••••••••5b4a", "in part"),
    ("STRIPE_WEBHOOK_SECRET=whsec_test_9f8e7d6c5b4a", "settings"),
    ("export WEBHOOK_SECRET=9f8e7d6c5b4a", "settings"),
    ("webhook_secret: 9f8e7d6c5b4a", "settings"),
    ("{\"secret\":\"whsec_test_9f8e7d6c5b4a\"}", "settings"),
    ("whsec_test_9f8e7d6c5b4a,whsec_test_the_new_one", "several"),
    (
        "8f742231b10e8888abcd99ccc01185a5, 9f742231b10e8888abcd99ccc01185a5",
        "several",
    ),
    (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "signature",
    ),
    (
        "v0=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "signature",
    ),
    (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "signature",
    ),
    (
        "t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa",
        "signature",
    ),
    ("Bearer 9f8e7d6c5b4a3928", "signature"),
    ("xoxb-17653672481-19874698323", "access token"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "access token"),
    ("github_pat_11ABCDEFG0abcdefghijkl", "access token"),
    ("we_1NxYzABCDEFGHIJKL", "id of an endpoint"),
    ("evt_1NxYzABCDEFGHIJKL", "id of an endpoint"),
    ("https://example.com/hooks", "URL"),
    ("op://vault/stripe/secret", "kept"),
    ("arn:aws:secretsmanager:eu-west-1:1:secret:x", "kept"),
    ("/run/secrets/stripe_webhook", "kept"),
    ("9f8e7d6c5b4a3928%3D", "encoded"),
    ("&quot;9f8e7d6c5b4a&quot;", "encoded"),
    (
        "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "standard_webhooks::keys",
    ),
    ("whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "twice"),
    ("\"whsec_test_9f8e7d6c5b4a", "before its prefix"),
    (
        "'whsec_test_9f8e7d6c5b4a' # production",
        "before its prefix",
    ),
    ("- whsec_test_9f8e7d6c5b4a", "before its prefix"),
    ("STRIPE=whsec_test_9f8e7d6c5b4a", "before its prefix"),
    ("Whsec_test_9f8e7d6c5b4a", "exactly whsec_"),
    ("\\ufeff9f8e7d6c5b4a3928", "written as \\n"),
    ("9f8e7d6c5b4a3928\\u0000", "written as \\n"),
    ("\u{ef}\u{bb}\u{bf}9f8e7d6c5b4a3928", "another encoding"),
    ("9f8e7d6c5b4a3928\u{fffd}", "another encoding"),
    ("9f8e7d6c\u{a0}5b4a3928", "does not show"),
    ("'9f8e7d6c5b4a3928", "signs or a comment"),
    ("9f8e7d6c5b4a3928;", "signs or a comment"),
    ("9f8e7d6c5b4a3928\\", "signs or a comment"),
    ("(9f8e7d6c5b4a3928)", "signs or a comment"),
    ("**9f8e7d6c5b4a3928**", "signs or a comment"),
    ("「9f8e7d6c5b4a3928」", "signs or a comment"),
    ("＂9f8e7d6c5b4a3928＂", "signs or a comment"),
    ("9f8e7d6c5b4a3928 # production", "signs or a comment"),
    ("\"9f8e7d6c5b4a3928\" // production", "signs or a comment"),
    ("set WEBHOOK_SECRET=9f8e7d6c5b4a3928", "settings"),
    ("ENV WEBHOOK_SECRET=9f8e7d6c5b4a3928", "settings"),
    ("- WEBHOOK_SECRET=9f8e7d6c5b4a3928", "settings"),
    ("-e WEBHOOK_SECRET=9f8e7d6c5b4a3928", "settings"),
    ("const secret = '9f8e7d6c5b4a3928'", "settings"),
    ("WEBHOOK_SECRET:9f8e7d6c5b4a3928", "settings"),
    ("--webhook-secret 9f8e7d6c5b4a3928", "settings"),
    ("X-Acme-Signature: v2=9f8e7d6c5b4a3928", "settings"),
    ("{ \"secret\": \"9f8e7d6c5b4a3928\" }", "settings"),
    ("{'secret': '9f8e7d6c5b4a3928'}", "settings"),
    ("[\"9f8e7d6c5b4a3928\"]", "settings"),
    ("d2hzZWNfdGVzdF85ZjhlN2Q2YzViNGE=", "Kubernetes"),
    (
        "d2hzZWNfTWZLUTlyOEdLWXFyVHdqVVBEOElMUFpJbzJMYUxhU3cK",
        "Kubernetes",
    ),
    ("$STRIPE_WHSEC_PROD", "placeholder"),
    ("$Env:STRIPE_WHSEC", "placeholder"),
    ("!WEBHOOK_SECRET!", "placeholder"),
    ("secrets.STRIPE_WEBHOOK_SECRET", "placeholder"),
    ("env.STRIPE_WEBHOOK_SECRET", "placeholder"),
    ("whsec_your_webhook_secret_here", "placeholder"),
    ("whsec_YOUR_SECRET", "placeholder"),
    ("whsec_xxxxxxxxxxxx", "placeholder"),
    ("xxxxxxxxxxxxxxxx", "placeholder"),
    ("REPLACE_ME_PLEASE", "placeholder"),
    ("INSERT_SECRET_HERE", "placeholder"),
    ("change-me-in-production", "placeholder"),
    ("os.environ[\"STRIPE_WEBHOOK_SECRET\"]", "kept"),
    ("ENV[\"WEBHOOK_SECRET\"]", "kept"),
    ("arn:aws-us-gov:secretsmanager:eu-west-1:1:secret:x", "kept"),
    ("projects/1/secrets/stripe/versions/latest", "kept"),
    ("ssm:/prod/stripe/webhook", "kept"),
    ("/var/run/secrets/stripe_webhook", "kept"),
    ("C:\\secrets\\stripe.txt", "kept"),
    ("./stripe_webhook.txt", "kept"),
    ("sm://project/stripe_webhook", "URL"),
    ("HTTPS://EXAMPLE.COM/hooks", "URL"),
    ("ref+awssecrets://stripe/webhook", "URL"),
    ("$ANSIBLE_VAULT;1.1;AES256", "encrypted"),
    ("ENC(abcdefghijklmnop)", "encrypted"),
    ("xoxe.xoxp-1-Mi0yLTE3NjcyMzk0OTk", "access token"),
    (
        "sha256:757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "signature",
    ),
    ("9f8e7d6c5b4a3928%0A", "encoded"),
    ("9f8e7d6c5b4a%2B3928", "encoded"),
    ("r\"9f8e7d6c5b4a3928\"", "quotes"),
    ("f'9f8e7d6c5b4a3928'", "quotes"),
    ("AKIAIOSFODNN7EXAMPLE", "access token"),
    ("BEARER 9f8e7d6c5b4a3928", "signature"),
    ("Token 9f8e7d6c5b4a3928", "signature"),
    (
        "SHA256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "signature",
    ),
    ("9f8e7d6c&amp;5b4a3928", "encoded"),
    ("process.env['STRIPE_WEBHOOK_SECRET']", "placeholder"),
    ("env('STRIPE_WEBHOOK_SECRET')", "placeholder"),
    ("$_ENV['ACME_API_KEY']", "placeholder"),
    ("%env(WEBHOOK_SECRET)%", "placeholder"),
    ("@@STRIPE_WEBHOOK_SECRET@@", "placeholder"),
    ("__STRIPE_WEBHOOK_SECRET__", "placeholder"),
    ("${STRIPE_WEBHOOK_SECRET", "placeholder"),
    ("[WEBHOOK_SIGNING_KEY]", "placeholder"),
];

#[test]
fn what_is_pasted_into_settings_is_told_apart_from_a_secret() {
    for (text, what) in PASTED {
        let error = SigningSecret::from_text(text).unwrap_err().to_string();
        assert!(error.contains(what), "{text:?}: {error}");
        let ring = KeyRing::parse(&SecretFormat::Text, [text]).unwrap_err();
        assert!(ring.to_string().contains(what), "{text:?}: {ring}");
        let part = text.get(..8).unwrap_or(text);
        assert!(!error.contains(part) && !error.contains(text), "{error}");
        // A real secret of that kind can still be used.
        assert!(
            SigningSecret::from_bytes(text.as_bytes()).is_ok(),
            "{text:?}"
        );
    }
}

proptest::proptest! {
    /// Random letters and digits never look like anything else, however they begin.
    #[test]
    fn a_drawn_text_is_taken_for_a_secret(text in "[A-Za-z0-9]{24,64}") {
        let any = |is: fn(&u8) -> bool| text.bytes().any(|b| is(&b));
        proptest::prop_assume!(
            any(u8::is_ascii_digit) && any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase)
        );
        proptest::prop_assert!(SigningSecret::from_text(&text).is_ok());
        let text: String = "whsec_".chars().chain(text.chars().take(24)).collect();
        proptest::prop_assert!(SecretFormat::base64("whsec_").parse(&text).is_ok());
    }
}

/// `Authorization: Basic` is proved by a text of this form.
#[test]
fn a_user_and_a_password_are_no_line_of_settings() {
    for text in [
        "acme_webhook:5hG7kQ2mW9xZ4tB8",
        "webhook_user:5hG7kQ2mW9xZ4tB8",
        "webhook-key:5hG7kQ2mW9xZ4tB8",
        "ana:5hG7_key=kQ2mW9",
    ] {
        assert!(SigningSecret::from_text(text).is_ok(), "{text}");
    }
    for text in [
        "webhook_secret:5hG7kQ2mW9xZ4tB8",
        "ACME_API_KEY:5hG7kQ2mW9xZ4tB8",
        "hook_token:5hG7kQ2mW9xZ4tB8",
    ] {
        let error = SigningSecret::from_text(text).unwrap_err().to_string();
        assert!(error.contains("settings"), "{text}: {error}");
    }
}
