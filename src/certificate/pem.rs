//! One certificate in PEM (RFC 7468), with any white space.

use data_encoding::BASE64;

/// Longer ones are not parsed. A certificate with an RSA key of 4096 bits and a few names has 2 KiB.
pub(super) const MAX_DER: usize = 16 * 1024;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The longest accepted text: base64, line ends and both frames.
pub(super) const MAX_PEM: usize = 2 * MAX_DER;

/// The DER of the only certificate in this text; `None` if it contains another one, or anything
/// else. A proxy may have replaced line ends by spaces.
pub(super) fn single(pem: &[u8]) -> Option<Vec<u8>> {
    if pem.len() > MAX_PEM {
        return None;
    }
    let text = std::str::from_utf8(pem).ok()?.trim_ascii();
    let inner = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let digits: Vec<u8> = (inner.bytes())
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let der = BASE64.decode(&digits).ok()?;
    (!der.is_empty() && der.len() <= MAX_DER).then_some(der)
}
