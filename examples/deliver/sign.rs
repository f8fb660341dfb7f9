//! Signatures as the providers document them.

use data_encoding::HEXLOWER;
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The lower-case hex of HMAC-SHA256 over the parts, one after the other.
pub(crate) fn hmac_sha256(secret: &str, parts: &[&[u8]]) -> Result<String, InvalidLength> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    for part in parts {
        mac.update(part);
    }
    Ok(HEXLOWER.encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_openssl() {
        for (parts, expected) in [
            // printf '%s' '{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test -r
            (
                vec![r#"{"id":"evt_1"}"#],
                "030fa3b2413d1993c551364bd53bb9b3edb5c0c34d55dba6ada6041245632811",
            ),
            // printf '%s.%s' 1700000000 '{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test -r
            (
                vec!["1700000000", ".", r#"{"id":"evt_1"}"#],
                "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925",
            ),
        ] {
            let parts: Vec<_> = parts.into_iter().map(str::as_bytes).collect();
            assert_eq!(hmac_sha256("whsec_test", &parts).unwrap(), expected);
        }
    }
}
