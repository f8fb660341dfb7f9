//! Tokens that others have published, and invalid ones.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use super::*;
use crate::asymmetric::PublicKey;
use crate::clock::{Skew, Tolerance, UnixTime};
use crate::secret::{SigningKey, SigningSecret};

/// RFC 7515, appendix A.1: the claims expire at 1300819380.
const HS256: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const HS256_KEY: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
/// RFC 7515, appendix A.3.
const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const ES256_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
/// RFC 8037, appendices A.2 and A.4.
const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const EDDSA_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn secret() -> SigningKey {
    let bytes = BASE64URL_NOPAD.decode(HS256_KEY.as_bytes()).unwrap();
    SigningKey::new("1", SigningSecret::from_bytes(&bytes).unwrap())
}

fn public(jwk: &str) -> SigningKey {
    SigningKey::public("1", PublicKey::from_jwk(jwk.as_bytes()).unwrap())
}

fn signed(algorithm: JwsAlgorithm, key: &SigningKey, text: &str) -> bool {
    let rules = Jws::new([algorithm]);
    Token::parse(text.as_bytes()).is_some_and(|token| {
        rules.allows(&token) && rules.signed_by(key, &token, &rules.input(&token, b""))
    })
}

#[test]
fn the_tokens_of_the_standards_are_right() {
    for (algorithm, key, token) in [
        (JwsAlgorithm::Hs256, secret(), HS256),
        (JwsAlgorithm::Es256, public(ES256_KEY), ES256),
        (JwsAlgorithm::EdDsa, public(EDDSA_KEY), EDDSA),
    ] {
        assert!(signed(algorithm, &key, token), "{algorithm:?}");
        let mut changed = token.as_bytes().to_vec();
        let at = token.find('.').unwrap() + 5;
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(!signed(algorithm, &key, &changed), "{algorithm:?}");
    }
}

#[test]
fn the_rules_name_the_algorithm_and_not_the_token() {
    // Valid under its key, but not the sender's algorithm.
    assert!(!signed(JwsAlgorithm::Hs512, &secret(), HS256));
    assert!(!signed(JwsAlgorithm::EdDsa, &public(ES256_KEY), ES256));
    // Without a signature.
    let none = BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#);
    let payload = HS256.split('.').nth(1).unwrap();
    for text in [format!("{none}.{payload}."), format!("{none}.{payload}.AA")] {
        for algorithm in [JwsAlgorithm::Hs256, JwsAlgorithm::Es256] {
            assert!(!signed(algorithm, &secret(), &text));
        }
    }
    // A MAC under the text of a public key, if both kinds are allowed.
    let key = public(ES256_KEY);
    let rules = Jws::new([JwsAlgorithm::Es256, JwsAlgorithm::Hs256]);
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"HS256"}"#);
    let input = format!("{header}.{payload}");
    let mac = crate::digest::Digest::Sha256.hmac(ES256_KEY.as_bytes(), [input.as_bytes()]);
    let text = format!("{input}.{}", BASE64URL_NOPAD.encode(&mac.unwrap()));
    let token = Token::parse(text.as_bytes()).unwrap();
    assert!(rules.allows(&token));
    assert!(!rules.signed_by(&key, &token, &rules.input(&token, b"")));
}

#[test]
fn what_is_no_token_is_refused_before_a_key_is_asked() {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let header = part(r#"{"alg":"HS256"}"#);
    let good = format!("{header}.e30.AAAA");
    assert!(Token::parse(good.as_bytes()).is_some());
    // Unknown members that are not critical are ignored (RFC 7515, section 4), in any order and spelling.
    let more = part("{ \"tl_version\": \"2\", \"alg\" : \"HS256\" }");
    assert!(Token::parse(format!("{more}.e30.AAAA").as_bytes()).is_some());
    for text in [
        String::new(),
        "..".to_owned(),
        format!("{header}.e30"),
        format!("{header}.e30."),
        format!("{good}.AAAA"),
        format!("{good}="),
        format!("{header}.e30.AAB"),
        format!("{}.e30.AAAA", part("{}")),
        format!("{}.e30.AAAA", part(r#"{"alg":"HS256","crit":["exp"]}"#)),
        format!("{}.e30.AAAA", part(r#"{"alg":"HS256","crit":null}"#)),
        format!("{}.e30.AAAA", part(r#"{"alg":"HS256","b64":false}"#)),
        format!("{}.e30.AAAA", part(r#"{"alg":"HS256","alg":"none"}"#)),
        format!("{header}.{}.AAAA", "A".repeat(17_000)),
        format!("{header}.e30.{}", "A".repeat(3_000)),
    ] {
        assert!(Token::parse(text.as_bytes()).is_none(), "{text}");
    }
}

/// The result for these claims by these rules, over the body `{}`, at this time, with five seconds
/// of tolerance.
fn judged(rules: &Jws, claims: &str, now: u64) -> Result<Option<u64>, Ill> {
    judged_within(5, rules, claims, now)
}

fn judged_within(tolerance: u64, rules: &Jws, claims: &str, now: u64) -> Result<Option<u64>, Ill> {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let text = format!("{}.{}.AAAA", part(r#"{"alg":"HS256"}"#), part(claims));
    let token = Token::parse(text.as_bytes()).unwrap();
    let request = Request {
        body: b"{}",
        url: Some("https://hooks.example/in"),
        tolerance: Tolerance::from_secs(tolerance).unwrap(),
        now: UnixTime::from_secs(now),
    };
    let told = rules.judge(&token, request)?;
    Ok(told.issued_at.map(UnixTime::as_secs))
}

#[test]
fn times_count_by_their_meaning_and_to_the_second() {
    let none = Jws::new([JwsAlgorithm::Hs256]);
    let old = |seconds| Err(Ill::Time(Skew::Old(seconds)));
    let ahead = |seconds| Err(Ill::Time(Skew::Ahead(seconds)));
    // Five seconds of tolerance, both ends included.
    assert_eq!(judged(&none, r#"{"exp":1000}"#, 1005), Ok(None));
    assert_eq!(judged(&none, r#"{"exp":1000}"#, 1006), old(6));
    assert_eq!(judged(&none, r#"{"exp":1000}"#, 1), Ok(None));
    assert_eq!(judged(&none, r#"{"nbf":1000}"#, 995), Ok(None));
    assert_eq!(judged(&none, r#"{"nbf":1000}"#, 994), ahead(6));
    assert_eq!(judged(&none, r#"{"nbf":1000}"#, 9999), Ok(None));
    // A fraction of the current second.
    assert_eq!(
        judged_within(1, &none, r#"{"nbf":1000.999}"#, 1000),
        Ok(None)
    );
    // A token issued in the future is refused.
    assert_eq!(judged(&none, r#"{"iat":1000}"#, 994), ahead(6));
    assert_eq!(judged(&none, r#"{"iat":1000.75}"#, 9999), Ok(Some(1000)));
    let issued = none.clone().issued_at();
    assert_eq!(judged(&issued, r#"{"iat":1000}"#, 1005), Ok(Some(1000)));
    assert_eq!(judged(&issued, r#"{"iat":1000}"#, 1006), old(6));
    assert_eq!(judged(&issued, "{}", 1000), Err(Ill::Missing));
    assert_eq!(
        judged(&issued, r#"{"iat":"1000"}"#, 1000),
        Err(Ill::Missing)
    );
    assert_eq!(judged(&issued, r#"{"iat":-1}"#, 0), Err(Ill::Missing));
    // The digits before the point of a number with an exponent are not its value.
    assert_eq!(judged(&none, r#"{"nbf":1.5e300}"#, 1000), Err(Ill::Missing));
    assert_eq!(judged(&none.expires(), "{}", 1000), Err(Ill::Missing));
}

/// A wide tolerance allows a token an hour late, but not clocks an hour apart.
#[test]
fn a_wide_tolerance_is_of_the_age_and_not_of_the_ends() {
    let issued = Jws::new([JwsAlgorithm::Hs256]).issued_at();
    let hour = |claims, now| judged_within(3_600, &issued, claims, now);
    assert_eq!(hour(r#"{"iat":1000}"#, 4_600), Ok(Some(1_000)));
    let ended = r#"{"iat":1000,"exp":1500}"#;
    assert_eq!(hour(ended, 1_800), Ok(Some(1_000)));
    assert_eq!(hour(ended, 1_801), Err(Ill::Time(Skew::Old(301))));
    let begins = r#"{"iat":1000,"nbf":2000}"#;
    assert_eq!(hour(begins, 1_699), Err(Ill::Time(Skew::Ahead(301))));
    let ahead = r#"{"iat":1000}"#;
    assert_eq!(hour(ahead, 699), Err(Ill::Time(Skew::Ahead(301))));
}

#[test]
fn claims_are_what_the_rules_say() {
    use crate::encoding::Encoding;

    let rules = Jws::new([JwsAlgorithm::Hs256]);
    // printf '{}' | sha256sum
    let hex = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let base64 = data_encoding::BASE64.encode(&HEXLOWER.decode(hex.as_bytes()).unwrap());
    let by = |spelled| rules.clone().body_hash("h", spelled);
    let claims = |text: &str| format!(r#"{{"h":"{text}"}}"#);
    assert_eq!(judged(&by(Encoding::Hex), &claims(hex), 0), Ok(None));
    assert_eq!(judged(&by(Encoding::Base64), &claims(&base64), 0), Ok(None));
    assert_eq!(
        judged(&by(Encoding::Base64), &claims(hex), 0),
        Err(Ill::Other)
    );
    assert_eq!(judged(&by(Encoding::Hex), "{}", 0), Err(Ill::Missing));
    // printf '{}' | openssl dgst -sha256 -binary | basenc --base64url
    let padded = "RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o=";
    for spelled in [padded, padded.trim_end_matches('=')] {
        let told = judged(&by(Encoding::Base64Url), &claims(spelled), 0);
        assert_eq!(told, Ok(None), "{spelled}");
    }
    let audience = rules.clone().claim("aud", "us");
    assert_eq!(judged(&audience, r#"{"aud":"us"}"#, 0), Ok(None));
    assert_eq!(judged(&audience, r#"{"aud":["them","us"]}"#, 0), Ok(None));
    assert_eq!(judged(&audience, r#"{"aud":["them"]}"#, 0), Err(Ill::Other));
    assert_eq!(judged(&audience, "{}", 0), Err(Ill::Missing));
    // printf 'https://hooks.example/in' | sha256sum
    let url = rules.clone().url_hash("u");
    let other = judged(&url, &format!(r#"{{"u":"{hex}"}}"#), 0);
    assert_eq!(other, Err(Ill::Other));
    assert_eq!(
        judged(&rules.clone().demands("jti"), "{}", 0),
        Err(Ill::Missing)
    );
    assert_eq!(
        judged(&rules.id("jti"), r#"{"jti":"a b"}"#, 0),
        Err(Ill::Missing)
    );
    assert_eq!(
        judged(&Jws::new([JwsAlgorithm::Hs256]), "[]", 0),
        Err(Ill::Missing)
    );
}
