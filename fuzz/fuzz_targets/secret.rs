//! Secrets as they are pasted: what is taken has exactly the key that the text means, by an
//! independent HMAC and base64; what is refused is refused for a stated reason; nothing prints.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use ring::hmac;
use tower_webhook::signature::{Scheme, Verifier};
use tower_webhook::{Encoding, KeyRing, SecretFormat, UnixTime};

/// The key that the text means, if it is one.
fn model(text: &str, base64: bool) -> Option<Vec<u8>> {
    let whole = text;
    let text = if base64 {
        let bare = text.strip_prefix("v1,").unwrap_or(text);
        bare.strip_prefix("whsec_").unwrap_or(text)
    } else {
        text
    };
    let public = [
        "whpk_",
        "pk_",
        "-----BEGIN",
        "ssh-",
        "ecdsa-",
        "MCowBQYDK2Vw",
        "whsk_",
    ];
    if whole.trim() != whole
        || public.iter().any(|prefix| whole.starts_with(prefix))
        || (base64 && text.starts_with("MCowBQYDK2Vw"))
    {
        return None;
    }
    let key = if base64 {
        unbase64(text.as_bytes())?
    } else {
        text.as_bytes().to_vec()
    };
    (key.len() >= 12 && !key.iter().all(u8::is_ascii_whitespace)).then_some(key)
}

/// Whether the text can be nothing that is refused as pasted by mistake: behind a prefix it is of letters
/// of both cases and digits, as no word or name is, with one that is not of hex, and begins as nothing
/// that is known by its beginning.
fn is_plain(text: &str) -> bool {
    let digits = text.strip_prefix("whsec_").unwrap_or(text);
    let digits = digits.trim_end_matches('=');
    let known = ["AQICAH", "MCowBQYDK2Vw", "d2hzZWNf", "c2hwc3Nf", "eyJ"];
    let any = |is: fn(&u8) -> bool| digits.bytes().any(|b| is(&b));
    digits.bytes().all(|b| b.is_ascii_alphanumeric())
        && any(u8::is_ascii_digit)
        && any(u8::is_ascii_lowercase)
        && any(u8::is_ascii_uppercase)
        && !digits.bytes().all(|b| b.is_ascii_hexdigit())
        && !known.iter().any(|known| digits.starts_with(known))
        && !digits.to_ascii_lowercase().starts_with("whsec")
}

/// Base64 of either alphabet whose unused bits are zero, padded fully or not at all.
fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let body: &[u8] = match text {
        [body @ .., b'=', b'='] if text.len() % 4 == 0 && body.len() % 4 == 2 => body,
        [body @ .., b'='] if text.len() % 4 == 0 && body.len() % 4 == 3 => body,
        _ => text,
    };
    let url = body.iter().any(|b| matches!(b, b'-' | b'_'));
    let mut bits = 0_u32;
    let mut count = 0;
    let mut out = Vec::new();
    for byte in body {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' if !url => 62,
            b'/' if !url => 63,
            b'-' if url => 62,
            b'_' if url => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (count < 6 && bits == 0).then_some(out)
}

fuzz_target!(|input: &[u8]| {
    let Some((selector, text)) = input.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let base64 = selector % 2 == 1;
    let format = if base64 {
        SecretFormat::base64("whsec_")
    } else {
        SecretFormat::Text
    };
    let secrets: Vec<&str> = text.split('\n').collect();
    let keys: Option<Vec<_>> = secrets.iter().map(|text| model(text, base64)).collect();
    let telling = |message: &str| {
        for secret in &secrets {
            // A short or plain text may stand in our own words by chance.
            if secret.len() >= 8 && secret.bytes().any(|b| b.is_ascii_uppercase()) {
                assert!(!message.contains(secret), "{message}");
            }
        }
    };
    match (KeyRing::parse(&format, &secrets), keys) {
        (Ok(ring), Some(keys)) => {
            assert!((1..=8).contains(&keys.len()));
            telling(&format!("{ring:?}"));
            let scheme = Scheme::builder("s")
                .single("", Encoding::Hex)
                .build()
                .unwrap();
            let verifier = Verifier::new(scheme, ring);
            for key in &keys {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"body");
                let mut headers = HeaderMap::new();
                let value = data_encoding::HEXLOWER.encode(tag.as_ref());
                headers.insert("s", HeaderValue::try_from(value).unwrap());
                let verified = verifier.verify(&headers, b"body", UnixTime::EPOCH).unwrap();
                let position: usize = verified.key_id().as_str().parse().unwrap();
                // Of equal keys the first one is named; HMAC pads short keys with zeros.
                let padded = |key: &[u8]| {
                    key.iter()
                        .rposition(|b| *b != 0)
                        .map(|at| key[..=at].to_vec())
                };
                if key.len() <= 64 && keys[position - 1].len() <= 64 {
                    assert_eq!(padded(&keys[position - 1]), padded(key));
                }
            }
        }
        (Err(error), None) => telling(&error.to_string()),
        (Err(error), Some(keys)) => {
            let pasted = secrets.iter().any(|text| !is_plain(text));
            assert!(pasted || keys.len() > 8, "{error}: {secrets:?}");
            telling(&error.to_string());
        }
        (Ok(ring), None) => panic!("{ring:?} of {secrets:?}"),
    }
});
