use super::*;
use SignatureErrorKind::{AmbiguousContent, Malformed, Mismatch, MissingHeader, TooNew, TooOld};

#[test]
fn square_signs_its_url_and_the_body() {
    // square-nodejs-sdk, tests/integration/webhooks.test.ts.
    let sent = |at: &'static str, secret: &str, signature: &str| {
        let sent = Sent {
            uri: "/anywhere",
            headers: &[("x-square-hmacsha256-signature", signature)],
            body: r#"{"data":{"type":"webhooks","id":"fake_id"}}"#,
            now: 0,
        };
        sent.by(square().public_url(url(at)), &key(secret))
            .map(|_| ())
    };
    let hooks = "https://webhook.site/webhooks";
    let right = "W3FlCNk5IA3ZQ2LHTWoajvzfaDu/OwY2tNHIHC3IUOA=";
    assert_eq!(sent(hooks, "signature-key", right), Ok(()));
    // An additional slash makes another URL.
    let slash = "https://webhook.site/webhooks/";
    assert_eq!(sent(slash, "signature-key", right), Err(Mismatch));
    assert_eq!(sent(hooks, "Ibxx_5AKakO-3qeNVR61Dw", right), Err(Mismatch));
}

/// twilio-node, spec/validation.spec.js.
#[test]
fn twilio_signs_its_url_and_the_sorted_fields() {
    let form = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&\
                To=%2B18005551212";
    let sent = |at: &str, query: &str, body: &str, signature: &str| {
        let sent = Sent {
            uri: query,
            headers: &[("x-twilio-signature", signature)],
            body,
            now: 0,
        };
        let verified = sent.by(twilio(url(at)), &key("12345"));
        verified.map(|verified| verified.id().unwrap().to_owned())
    };
    let app = "https://mycompany.com/myapp.php";
    let query = "/myapp.php?foo=1&bar=2";
    let plain = sent(app, query, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=").unwrap();
    // The same with the port that Twilio may have written.
    let ported = sent(app, query, form, "kvajT1Ptam85bY51eRf/AJRuM3w=").unwrap();
    assert!(plain.starts_with("sha256:") && plain != ported, "{plain}");
    // The order of the fields does not count, and neither does a repeated field.
    let shuffled = "To=%2B18005551212&From=%2B14158675309&Digits=1234&Digits=1234&\
                    Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
    let again = sent(app, query, shuffled, "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    assert_eq!(again.as_ref(), Ok(&plain));
    // If a field is split elsewhere, the signature still matches, and it is the same event.
    let cut = "CallSid=CA1234567890ABCDECaller%2B14158675309&Digits=1234&From=%2B14158675309&\
               To=%2B18005551212";
    assert_eq!(
        sent(app, query, cut, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        Ok(plain)
    );
    for address in [
        "MessagingBinding.Address=%2B1415xxxxxxx&MessagingBinding.Address=%2B1325xxxxxxx",
        "MessagingBinding.Address=%2B1325xxxxxxx&MessagingBinding.Address=%2B1415xxxxxxx",
    ] {
        assert!(sent(app, query, address, "83O6e2vORAoJHUNzJjDWN1jz+BA=").is_ok());
    }
    let changed = form.replace("1234&", "1235&");
    assert_eq!(
        sent(app, query, &changed, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        Err(Mismatch)
    );
}

#[test]
fn twilio_signs_the_digest_of_a_json_body_in_the_url() {
    let body = r#"{"property": "value", "boolean": true}"#;
    let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let sent = |query: &str, body: &str| {
        let sent = Sent {
            uri: query,
            headers: &[("x-twilio-signature", "a9nBmqA0ju/hNViExpshrM61xv4=")],
            body,
            now: 0,
        };
        let verified = sent.by(
            twilio(url("https://mycompany.com/myapp.php")),
            &key("12345"),
        );
        verified.map(|_| ())
    };
    let right = format!("/myapp.php?foo=1&bar=2&bodySHA256={hash}");
    assert_eq!(sent(&right, body), Ok(()));
    // Another body, and one that would be read as a form.
    assert!(sent(&right, &body.replace("true", "false")).is_err());
    assert!(sent(&right, "").is_err());
    assert!(sent("/myapp.php?foo=1&bar=2", body).is_err());
}

#[test]
fn adyen_signs_eight_members_of_each_item() {
    // adyen-python-api-library, test/UtilTest.py and test/mocks/util.
    let hex = |text: &str| SecretFormat::Hex.parse(text).unwrap();
    let first = hex("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056");
    let body = |item: &str| {
        format!(r#"{{"live":"false","notificationItems":[{{"NotificationRequestItem":{item}}}]}}"#)
    };
    let sent = |body: &str, secret: &SigningSecret| {
        let sent = Sent {
            uri: "/",
            headers: &[],
            body,
            now: 0,
        };
        let verified = sent.by(adyen(), secret);
        verified.map(|verified| verified.id().unwrap().to_owned())
    };
    let item = r#"{"pspReference":"7914073381342284","merchantAccountCode":"TestMerchant",
        "merchantReference":"TestPayment-1407325143704","amount":{"value":1130,"currency":"EUR"},
        "eventCode":"AUTHORISATION","success":"true","eventDate":"2019-05-06T17:15:34.121+02:00",
        "additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="}}"#;
    assert_eq!(
        sent(&body(item), &first).as_deref(),
        Ok("7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true")
    );
    assert_eq!(
        sent(&body(&item.replace("1130", "1131")), &first),
        Err(Mismatch)
    );
    let two = format!("{item}}},{{\"NotificationRequestItem\":{item}");
    assert_eq!(sent(&body(&two), &first), Err(AmbiguousContent));
    assert!(sent(r#"{"notificationItems":[]}"#, &first).is_err());

    // Nothing is escaped: a colon and two backslashes in the reference.
    let second = hex("74F490DD33F7327BAECC88B2947C011FC02D014A473AAA33A8EC93E4DC069174");
    for (psp, reference, signature) in [
        (
            "M8NB66SBZSGLNK82",
            ":slashes are fun",
            "2EQYm7YJpKO4EtHSPu55SQTyWf8dkW5u2nD1tJFpViA=",
        ),
        (
            "T7FD4VM4D3RZNN82",
            r"\\\\slashes are fun",
            "nIgT81gaB5oJpn2jPXupDq68iRo2wUlBsuYjtYfwKqo=",
        ),
    ] {
        let item = format!(
            r#"{{"pspReference":"{psp}","merchantAccountCode":"AntoniStroinski",
            "merchantReference":"{reference}","amount":{{"value":1000,"currency":"EUR"}},
            "eventCode":"AUTHORISATION","success":"true",
            "additionalData":{{"hmacSignature":"{signature}"}}}}"#
        );
        assert!(sent(&body(&item), &second).is_ok(), "{psp}");
    }
}

#[test]
fn box_signs_the_body_and_a_time_with_an_offset_behind_it() {
    // box-node-sdk, test/webhooks.test.
    let body = r#"{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}"#;
    let (primary, secondary) = (
        "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI=",
        "v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo=",
    );
    let sent = |headers: &[(&str, &str)], body: &str, secret: &str, now| {
        let mut all = vec![("box-delivery-timestamp", "2020-01-01T00:00:00-07:00")];
        all.extend(headers);
        let sent = Sent {
            uri: "/",
            headers: &all,
            body,
            now,
        };
        sent.by(box_v2(), &key(secret)).map(|_| ())
    };
    let both = [
        ("box-signature-primary", primary),
        ("box-signature-secondary", secondary),
    ];
    let at = 1_577_862_000;
    assert_eq!(sent(&both, body, "SamplePrimaryKey", at), Ok(()));
    assert_eq!(sent(&both, body, "SampleSecondaryKey", at), Ok(()));
    assert_eq!(sent(&both[1..], body, "SampleSecondaryKey", at), Ok(()));
    assert_eq!(
        sent(&both[1..], body, "SamplePrimaryKey", at),
        Err(Mismatch)
    );
    assert_eq!(sent(&[], body, "SamplePrimaryKey", at), Err(MissingHeader));
    assert_eq!(sent(&both, body, "SamplePrimaryKey", at + 301), Err(TooOld));
    assert_eq!(sent(&both, body, "SamplePrimaryKey", at - 301), Err(TooNew));
    // Text after the body must not be read as its end.
    let longer = format!("{body}2020-01-01T00:00:00-07:00");
    assert_eq!(
        sent(&both, &longer, "SamplePrimaryKey", at),
        Err(AmbiguousContent)
    );
}

#[test]
fn sanity_writes_milliseconds_and_base64_of_urls() {
    // webhook-toolkit, test/signature.test.ts.
    let scheme = || {
        Scheme::builder("sanity-webhook-signature")
            .pairs("t", "v1", Encoding::Base64Url)
            .time_format(TimeFormat::Milliseconds)
            .content([
                Component::Timestamp,
                Component::literal("."),
                Component::Body,
            ])
    };
    let sent = |signature: &str, now| {
        let sent = Sent {
            uri: "/",
            headers: &[("sanity-webhook-signature", signature)],
            body: r#"{"_id":"resume"}"#,
            now,
        };
        sent.by(scheme(), &key("test"))
            .map(|verified| verified.signed_at())
    };
    let right = "t=1633519811129,v1=tLa470fx7qkLLEcMOcEUFuBbRSkGujyskxrNXcoh0N0";
    let at = UnixTime::from_micros(1_633_519_811_129_000);
    assert_eq!(sent(right, 1_633_519_811), Ok(Some(at)));
    assert_eq!(sent(right, 1_633_520_811), Err(TooOld));
    assert_eq!(
        sent(&format!("{right}="), 1_633_519_811),
        Err(SignatureErrorKind::NoCandidate)
    );
    assert_eq!(sent("1633519811129", 0), Err(Malformed));
}

#[test]
fn plivo_signs_a_nonce_that_is_the_event() {
    // plivo-python, tests/resources/test_signature.py.
    let scheme = Scheme::builder("x-plivo-signature-v2")
        .single("", Encoding::Base64)
        .content([
            Component::PublicUrl,
            Component::header("x-plivo-signature-v2-nonce"),
        ])
        .public_url(url("https://answer.url"))
        .content_is_id();
    let sent = Sent {
        uri: "/",
        headers: &[
            (
                "x-plivo-signature-v2",
                "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc=",
            ),
            ("x-plivo-signature-v2-nonce", "12345"),
        ],
        body: "anything",
        now: 0,
    };
    let verified = sent.by(scheme, &key("my_auth_token")).unwrap();
    assert_eq!(verified.id(), Some("https://answer.url12345"));
}

#[test]
fn plain_hashes_hold_the_secret() {
    // printf '%s' '4a1b2c3d4e5f-{"id":"CHAR_1"}' | openssl dgst -sha256 -r
    let scheme = || {
        Scheme::builder("x-authenticity-token")
            .single("", Encoding::Hex)
            .algorithm(Algorithm::Hash(Digest::Sha256))
            .content([Component::Secret, Component::literal("-"), Component::Body])
    };
    let sent = |body: &str| {
        let sent = Sent {
            uri: "/",
            headers: &[(
                "x-authenticity-token",
                "d5e928bc193960de49fbf66d5623f12ac5e60afb356f8b45ab364e0e5164ad73",
            )],
            body,
            now: 0,
        };
        sent.by(scheme(), &key("4a1b2c3d4e5f")).map(|_| ())
    };
    assert_eq!(sent(r#"{"id":"CHAR_1"}"#), Ok(()));
    assert_eq!(sent(r#"{"id":"CHAR_2"}"#), Err(Mismatch));
}
