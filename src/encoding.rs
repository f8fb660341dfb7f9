//! Spellings of signatures: each encoding accepts one spelling, and refuses every other.
//!
//! Branch-free code for its one length reads a MAC; `docs/by-hand.md` shows the cost compared with
//! a library that takes any length and alphabet. A stranger's signature is not secret, so it need
//! not be read in constant time.

use data_encoding::HEXLOWER;

/// The bytes of an HMAC-SHA256.
pub(crate) const MAC_LEN: usize = 32;

/// How a scheme encodes the bytes of a MAC.
///
/// A value has one canonical spelling: lower-case hex, or padded standard base64 whose unused bits
/// are zero. Accepting others would give one signature many spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Lower-case hexadecimal, 64 characters.
    Hex,
    /// Standard base64 with padding (RFC 4648 section 4), 44 characters.
    Base64,
    /// Upper-case hexadecimal.
    #[cfg(feature = "senders")]
    HexUpper,
    /// Base64 in the alphabet of URLs (RFC 4648 section 5) without padding.
    #[cfg(feature = "senders")]
    Base64Url,
}

impl Encoding {
    /// The MAC that `text` spells, if the spelling is canonical.
    #[cfg(test)]
    pub(crate) fn decode_mac(self, text: &[u8]) -> Option<[u8; MAC_LEN]> {
        let mut mac = [0; MAC_LEN];
        self.decode_mac_to(text, &mut mac).then_some(mac)
    }

    /// Decodes `text` into `mac`. Returns `false` if the spelling is not canonical; `mac` then
    /// holds no valid value.
    #[inline]
    pub(crate) fn decode_mac_to(self, text: &[u8], mac: &mut [u8; MAC_LEN]) -> bool {
        match self {
            Self::Hex => text.try_into().is_ok_and(|text| hex(text, mac)),
            Self::Base64 => text.try_into().is_ok_and(|text| base64(text, mac)),
            #[cfg(feature = "senders")]
            Self::HexUpper | Self::Base64Url => false,
        }
    }

    /// The length of an encoded MAC.
    pub(crate) const fn mac_len(self) -> usize {
        match self {
            Self::Hex => HEX_LEN,
            Self::Base64 => BASE64_LEN,
            #[cfg(feature = "senders")]
            Self::HexUpper | Self::Base64Url => 0,
        }
    }

    /// The canonical spelling of a MAC.
    pub(crate) fn encode_mac(self, mac: &[u8; MAC_LEN]) -> String {
        match self {
            Self::Hex => HEXLOWER.encode(mac),
            Self::Base64 => data_encoding::BASE64.encode(mac),
            #[cfg(feature = "senders")]
            Self::HexUpper | Self::Base64Url => self.encode(mac),
        }
    }
}

#[cfg(feature = "senders")]
impl Encoding {
    /// The `len` bytes that `text` spells, if the spelling is canonical.
    pub(crate) fn decode(self, text: &[u8], len: usize) -> Option<Vec<u8>> {
        self.decode_any(text).filter(|bytes| bytes.len() == len)
    }

    /// The bytes that `text` spells, of any length, if the spelling is canonical.
    pub(crate) fn decode_any(self, text: &[u8]) -> Option<Vec<u8>> {
        let bytes = self.alphabet().decode(text).ok()?;
        // The other encodings have one spelling each. Of padded base64, `data_encoding` also
        // accepts concatenated texts, so compare with the canonical spelling.
        let is_printed_so = match self {
            Self::Hex | Self::HexUpper | Self::Base64Url => true,
            Self::Base64 => {
                (text.split_last_chunk::<4>()).is_none_or(|(before, _)| !before.contains(&b'='))
            }
        };
        is_printed_so.then_some(bytes)
    }

    /// The canonical spelling of these bytes.
    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        self.alphabet().encode(bytes)
    }

    fn alphabet(self) -> data_encoding::Encoding {
        match self {
            Self::Hex => HEXLOWER,
            Self::HexUpper => data_encoding::HEXUPPER,
            Self::Base64 => data_encoding::BASE64,
            Self::Base64Url => data_encoding::BASE64URL_NOPAD,
        }
    }
}

const HEX_LEN: usize = 2 * MAC_LEN;
const BASE64_LEN: usize = 4 * MAC_LEN.div_ceil(3);

fn hex(text: &[u8; HEX_LEN], mac: &mut [u8; MAC_LEN]) -> bool {
    let mut digits = [0; HEX_LEN];
    for (digit, byte) in digits.iter_mut().zip(text) {
        *digit = hex_digit(*byte);
    }
    for (byte, [high, low]) in mac.iter_mut().zip(digits.as_chunks().0) {
        *byte = high << 4 | low;
    }
    digits.iter().fold(0, |all, digit| all | digit) < 16
}

/// The value of a digit, in steps that can be vectorized for sixteen digits; over 15 for any other
/// byte.
#[inline(always)]
fn hex_digit(byte: u8) -> u8 {
    let (decimal, letter) = (byte.wrapping_sub(b'0'), byte.wrapping_sub(b'a'));
    // One more than the value, because zero means none.
    let one_more = (if decimal < 10 {
        decimal.wrapping_add(1)
    } else {
        0
    }) | (if letter < 6 {
        letter.wrapping_add(11)
    } else {
        0
    });
    one_more.wrapping_sub(1)
}

/// The value of each base64 digit; [`NONE`] for any other byte.
static BASE64_DIGITS: [u32; 256] = {
    let mut values = [NONE; 256];
    let mut places: &mut [u32] = &mut values;
    let mut byte = 0_u8;
    while let [place, behind @ ..] = places {
        *place = base64_digit(byte);
        places = behind;
        byte = byte.wrapping_add(1);
    }
    values
};

/// Not a digit: beyond the 24 bits of four digits, whichever of the four it is.
const NONE: u32 = 1 << 24;

const fn base64_digit(byte: u8) -> u32 {
    let mut alphabet: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while let [digit, behind @ ..] = alphabet {
        if *digit == byte {
            return value;
        }
        alphabet = behind;
        value += 1;
    }
    NONE
}

/// The number that these digits spell: over 24 bits if any of them is invalid.
#[inline(always)]
fn base64_number([a, b, c, d]: [u8; 4]) -> u64 {
    let value = |digit: u8| u64::from(*BASE64_DIGITS.get(usize::from(digit)).unwrap_or(&NONE));
    value(a) << 18 | value(b) << 12 | value(c) << 6 | value(d)
}

fn base64(text: &[u8; BASE64_LEN], mac: &mut [u8; MAC_LEN]) -> bool {
    let ([fours @ .., [x, y, z, padding]], []) = text.as_chunks() else {
        return false;
    };
    // Each four digits give three bytes. The last three digits give two bytes and two more bits,
    // which are zero in only one spelling.
    let mut numbers = [0; 10];
    for (number, four) in numbers.iter_mut().zip(fours) {
        *number = base64_number(*four);
    }
    let [a, b, c, d, e, f, g, h, i, j] = numbers;
    let last = base64_number([b'A', *x, *y, *z]);
    let words = [
        a << 40 | b << 16 | c >> 8,
        c << 56 | d << 32 | e << 8 | f >> 16,
        f << 48 | g << 24 | h,
        i << 40 | j << 16 | last >> 2,
    ];
    for (to, word) in mac.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
    let all = a | b | c | d | e | f | g | h | i | j | last;
    all >> 24 == 0 && last & 3 == 0 && *padding == b'='
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

    #[test]
    fn two_wrong_characters_do_not_make_up_for_each_other() {
        for (encoding, text) in [(Encoding::Hex, HEX), (Encoding::Base64, B64)] {
            for (a, b) in (0..text.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                for wrong in [*b"!!", *b"!\xff", *b"--"] {
                    let mut text = text.as_bytes().to_vec();
                    [text[a], text[b]] = wrong;
                    assert_eq!(
                        encoding.decode_mac(&text),
                        None,
                        "{encoding:?}, {a} and {b}"
                    );
                }
            }
        }
    }

    #[cfg(feature = "senders")]
    #[test]
    fn bytes_of_any_length_have_the_one_spelling_that_is_printed() {
        for encoding in [Encoding::Hex, Encoding::HexUpper, Encoding::Base64Url] {
            assert!(encoding.alphabet().is_canonical(), "{encoding:?}");
        }
        let b64 = |text: &str| Encoding::Base64.decode_any(text.as_bytes());
        for other in [
            "AA==AA==",
            "AA==AAAA",
            "AAA=AAA=",
            "AAAAAA==AAAA",
            "AA==AAA=",
            "AB==",
            "AAB=",
            "AA",
            "AAA",
            "A===",
            "====",
            "AA=A",
            "=AAA",
            "AAAA=",
            "AAAA====",
        ] {
            assert_eq!(b64(other), None, "{other}");
        }
        for (text, bytes) in [
            ("", 0),
            ("AA==", 1),
            ("AAA=", 2),
            ("AAAA", 3),
            ("AAAAAA==", 4),
        ] {
            assert_eq!(b64(text), Some(vec![0; bytes]), "{text}");
        }
    }

    #[cfg(feature = "senders")]
    proptest! {
        #[test]
        fn what_is_decoded_of_any_length_is_printed_alike(
            text in "[0-9a-f]{0,9}|[0-9A-F]{0,9}|([A-D]{1,4}={0,3}){0,4}|[A-D_/+-]{0,9}",
        ) {
            for encoding in [Encoding::Hex, Encoding::HexUpper, Encoding::Base64, Encoding::Base64Url] {
                let bytes = encoding.alphabet().decode(text.as_bytes()).ok();
                let printed = bytes.filter(|bytes| encoding.encode(bytes) == text);
                prop_assert_eq!(encoding.decode_any(text.as_bytes()), printed, "{:?}", encoding);
            }
        }
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
