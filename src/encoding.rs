//! How a signature is spelled: one spelling each, every other one is refused.

#[cfg(any(test, feature = "testing"))]
use data_encoding::HEXLOWER;

/// The bytes of an HMAC-SHA256.
pub(crate) const MAC_LEN: usize = 32;

/// How a scheme spells the bytes of a MAC.
///
/// A value has one canonical spelling: lower-case hex, or padded standard base64 whose unused bits
/// are zero. Accepting others would give one signature many spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hexadecimal, 64 characters.
    Hex,
    /// Standard base64 with padding (RFC 4648 section 4), 44 characters.
    Base64,
}

impl Encoding {
    /// The MAC that `text` spells, if it is in the canonical spelling.
    #[cfg(test)]
    pub(crate) fn decode_mac(self, text: &[u8]) -> Option<[u8; MAC_LEN]> {
        let mut mac = [0; MAC_LEN];
        self.decode_mac_to(text, &mut mac).then_some(mac)
    }

    /// Writes the MAC that `text` spells where it is to stay; false where the spelling is not the
    /// canonical one, and what was written is then none.
    #[inline]
    pub(crate) fn decode_mac_to(self, text: &[u8], mac: &mut [u8; MAC_LEN]) -> bool {
        match self {
            Self::Hex => text.try_into().is_ok_and(|text| hex(text, mac)),
            Self::Base64 => text.try_into().is_ok_and(|text| base64(text, mac)),
        }
    }

    /// How long the spelling of a MAC is.
    pub(crate) const fn mac_len(self) -> usize {
        match self {
            Self::Hex => HEX_LEN,
            Self::Base64 => BASE64_LEN,
        }
    }

    /// The canonical spelling of a MAC.
    #[cfg(feature = "testing")]
    pub(crate) fn encode_mac(self, mac: &[u8; MAC_LEN]) -> String {
        match self {
            Self::Hex => HEXLOWER.encode(mac),
            Self::Base64 => data_encoding::BASE64.encode(mac),
        }
    }
}

const HEX_LEN: usize = 2 * MAC_LEN;
const BASE64_LEN: usize = 4 * MAC_LEN.div_ceil(3);

// Of a fixed length and without a branch, both are several times as fast as a library that takes
// any length and alphabet. A stranger's signature is no secret: they need not be constant-time.

/// No digit of either alphabet.
const NONE: u8 = 0xff;

/// The value of each byte that lies in one of these runs of digits: its first one, how many there
/// are, the value of the first; [`NONE`] for another byte.
#[inline(always)]
fn digits<const N: usize>(text: &[u8; N], runs: &[(u8, u8, u8)]) -> [u8; N] {
    let mut digits = [0; N];
    for (digit, byte) in digits.iter_mut().zip(text) {
        // One more than the value, for zero is none.
        let one_more = runs.iter().fold(0, |found, (first, count, value)| {
            let at = byte.wrapping_sub(*first);
            let here = at.wrapping_add(*value).wrapping_add(1);
            found | if at < *count { here } else { 0 }
        });
        *digit = one_more.wrapping_sub(1);
    }
    digits
}

fn all_are(digits: &[u8]) -> bool {
    digits.iter().fold(0, |all, digit| all | digit) != NONE
}

fn hex(text: &[u8; HEX_LEN], mac: &mut [u8; MAC_LEN]) -> bool {
    let digits = digits(text, &[(b'0', 10, 0), (b'a', 6, 10)]);
    for (byte, [high, low]) in mac.iter_mut().zip(digits.as_chunks().0) {
        *byte = high << 4 | low;
    }
    all_are(&digits)
}

fn base64(text: &[u8; BASE64_LEN], mac: &mut [u8; MAC_LEN]) -> bool {
    let [text @ .., padding] = text;
    // With zeros behind it.
    let mut filled = [b'A'; BASE64_LEN + 4];
    filled
        .iter_mut()
        .zip(text)
        .for_each(|(to, from)| *to = *from);
    let digits = digits(
        &filled,
        &[
            (b'A', 26, 0),
            (b'a', 26, 26),
            (b'0', 10, 52),
            (b'+', 1, 62),
            (b'/', 1, 63),
        ],
    );
    let mut unused = 0;
    let (threes, rest) = mac.as_chunks_mut();
    let mut fours = digits.as_chunks().0.iter();
    for (three, [a, b, c, d]) in threes.iter_mut().zip(fours.by_ref()) {
        *three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    if let ([first, second], Some([a, b, c, _])) = (rest, fours.next()) {
        (*first, *second) = (a << 2 | b >> 4, b << 4 | c >> 2);
        // The bits behind the MAC: they are zero in one spelling only.
        unused = c << 6;
    }
    all_are(&digits) && *padding == b'=' && unused == 0
}

#[cfg(test)]
#[allow(clippy::string_slice)]
mod tests {
    use super::*;
    use data_encoding::BASE64;
    use proptest::prelude::*;

    /// `printf '' | openssl dgst -sha256 -binary`, as hex and through `openssl base64`.
    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const B64: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn both_spellings_give_the_same_bytes() {
        let mac = Encoding::Hex.decode_mac(HEX.as_bytes()).unwrap();
        assert_eq!(mac[..4], [0xe3, 0xb0, 0xc4, 0x42]);
        assert_eq!(Encoding::Base64.decode_mac(B64.as_bytes()), Some(mac));
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let hex = |text: &str| Encoding::Hex.decode_mac(text.as_bytes());
        assert_eq!(hex(&HEX.to_uppercase()), None, "upper case");
        assert_eq!(hex(&HEX[1..]), None, "odd length");
        assert_eq!(hex(&HEX[2..]), None, "a byte short");
        assert_eq!(hex(&format!("{HEX}00")), None, "a byte long");
        assert_eq!(hex(&format!("{} ", &HEX[..63])), None, "a space");
        assert_eq!(hex(""), None, "empty");

        let b64 = |text: &str| Encoding::Base64.decode_mac(text.as_bytes());
        assert_eq!(b64(&B64[..43]), None, "no padding");
        assert_eq!(b64(&B64.replace('+', "-")), None, "the URL alphabet");
        assert_eq!(b64(&B64.replace("FU=", "FV=")), None, "unused bits set");
        assert_eq!(b64(&format!("{}A", &B64[..43])), None, "33 bytes");
        assert_eq!(b64(&format!("{B64}\n")), None, "a line end");
        // Found by the fuzz target `signature_header`: the same bytes in two padded pieces.
        let pieces = "47A=xEKY/BwUmvv0yJlvuSQnrkHkZJuTTKSVmRt4UrhV";
        assert_eq!(b64(pieces), None, "padding before the end");
    }

    proptest! {
        #[test]
        fn a_mac_has_the_one_spelling_that_is_printed(
            mac: [u8; MAC_LEN],
            at in 0_usize..64,
            other in "[ -~]",
        ) {
            for (encoding, text) in [
                (Encoding::Hex, HEXLOWER.encode(&mac)),
                (Encoding::Base64, BASE64.encode(&mac)),
            ] {
                prop_assert_eq!(encoding.decode_mac(text.as_bytes()), Some(mac));
                let mut changed = text.clone().into_bytes();
                let at = at % changed.len();
                changed.splice(at..=at, other.bytes());
                let same = changed == text.as_bytes();
                prop_assert_eq!(encoding.decode_mac(&changed) == Some(mac), same);
            }
        }

        #[test]
        fn what_is_decoded_is_printed_alike(text in "[0-9a-f]{63,65}|[A-Za-z0-9+/]{42,43}={0,2}") {
            if let Some(mac) = Encoding::Hex.decode_mac(text.as_bytes()) {
                prop_assert_eq!(HEXLOWER.encode(&mac), text.clone());
            }
            if let Some(mac) = Encoding::Base64.decode_mac(text.as_bytes()) {
                prop_assert_eq!(BASE64.encode(&mac), text);
            }
        }
    }
}
