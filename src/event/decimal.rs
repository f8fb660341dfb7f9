//! Numbers by their exact decimal value.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

/// A decimal number, exactly as the sender wrote it; never a float.
///
/// It is read from a JSON number or from a string that holds one. Two are equal where their values
/// are: `100.5` is `100.50` and `1.005e2`. It is deserialised by `serde_json` only, and straight
/// from text: through a [`serde_json::Value`] the digits would already be lost.
///
/// ```
/// use tower_webhook::Decimal;
///
/// let amount: Decimal = serde_json::from_str("100.50")?;
/// assert_eq!(amount, Decimal::parse("100.5").unwrap());
/// assert_eq!(amount.as_str(), "100.50");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Decimal(Box<str>);

impl Decimal {
    /// The number that `text` holds in the grammar of JSON (RFC 8259 section 6), if it does and
    /// its exponent is within 64 bits.
    pub fn parse(text: &str) -> Option<Self> {
        Normal::of(text.as_bytes()).map(|_| Self(text.into()))
    }

    /// The number as the sender wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn normal(&self) -> Option<Normal<'_>> {
        Normal::of(self.0.as_bytes())
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.normal() == other.normal()
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normal().hash(state);
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({})", self.0)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let raw = raw.get();
        let text = raw
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(raw);
        Self::parse(text).ok_or_else(|| D::Error::custom("not a decimal number"))
    }
}

impl Serialize for Decimal {
    /// As a string, so that no reader makes a float of it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The one form of a decimal value: `0.DIGITS × 10^exponent`, without zeros at either end of the
/// digits; no digits at all are zero.
///
/// The digits stay where they were written, in two pieces.
pub(super) struct Normal<'a> {
    negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Normal<'a> {
    pub(super) fn of(text: &'a [u8]) -> Option<Self> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let (integer, rest) = digits(text);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            _ => (&[][..], rest),
        };
        let dot_alone = fraction.is_empty() && text.get(integer.len()) == Some(&b'.');
        let leading_zero = matches!(integer, [b'0', _, ..]);
        if integer.is_empty() || leading_zero || dot_alone {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            // An `i64` is parsed from `[+-]1*DIGIT` and nothing else, as in JSON.
            [b'e' | b'E', exponent @ ..] => std::str::from_utf8(exponent).ok()?.parse().ok()?,
            _ => return None,
        };
        Self::strip(negative, integer, fraction, exponent)
    }

    /// Without the zeros at both ends.
    fn strip(negative: bool, integer: &'a [u8], fraction: &'a [u8], exponent: i64) -> Option<Self> {
        let places = integer.len();
        let mut leading = 0_usize;
        let (mut integer, mut fraction) = (integer, fraction);
        while let [b'0', rest @ ..] = integer {
            (integer, leading) = (rest, leading.saturating_add(1));
        }
        if integer.is_empty() {
            while let [b'0', rest @ ..] = fraction {
                (fraction, leading) = (rest, leading.saturating_add(1));
            }
        }
        while let [rest @ .., b'0'] = fraction {
            fraction = rest;
        }
        if fraction.is_empty() {
            while let [rest @ .., b'0'] = integer {
                integer = rest;
            }
        }
        if integer.is_empty() && fraction.is_empty() {
            return Some(Self {
                negative: false,
                integer,
                fraction,
                exponent: 0,
            });
        }
        let exponent = exponent
            .checked_add(i64::try_from(places).ok()?)?
            .checked_sub(i64::try_from(leading).ok()?)?;
        Some(Self {
            negative,
            integer,
            fraction,
            exponent,
        })
    }

    /// The number that `text` begins with, and its length, if it is written in the usual way:
    /// nothing before its first digit is a zero, and there is no exponent.
    #[inline]
    pub(super) fn plain(text: &'a [u8]) -> Option<(usize, Self)> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let places = count(unsigned);
        let (mut integer, mut rest) = unsigned.split_at_checked(places)?;
        if matches!(integer, [] | [b'0', ..]) {
            return None;
        }
        let mut fraction = &[][..];
        if let [b'.', tail @ ..] = rest {
            (fraction, rest) = tail.split_at_checked(count(tail))?;
            if fraction.is_empty() {
                return None;
            }
        }
        if let [b'e' | b'E', ..] = rest {
            return None;
        }
        while let [head @ .., b'0'] = fraction {
            fraction = head;
        }
        if fraction.is_empty() {
            while let [head @ .., b'0'] = integer {
                integer = head;
            }
        }
        let value = Self {
            negative,
            integer,
            fraction,
            exponent: i64::try_from(places).ok()?,
        };
        Some((text.len().saturating_sub(rest.len()), value))
    }

    /// Writes the digits, `e` and the exponent; tells how long that is, if there is room for it.
    pub(super) fn write(&self, out: &mut [u8]) -> Option<usize> {
        let mut place = out.iter_mut();
        if self.negative {
            *place.next()? = b'-';
        }
        for digit in self.integer {
            *place.next()? = *digit;
        }
        for digit in self.fraction {
            *place.next()? = *digit;
        }
        *place.next()? = b'e';
        match u8::try_from(self.exponent) {
            Ok(exponent @ ..10) => *place.next()? = b'0'.saturating_add(exponent),
            _ => {
                for byte in self.exponent.to_string().bytes() {
                    *place.next()? = byte;
                }
            }
        }
        let left = place.len();
        Some(out.len().saturating_sub(left))
    }

    fn digits(&self) -> impl Iterator<Item = &u8> {
        self.integer.iter().chain(self.fraction)
    }
}

/// The digits that `text` begins with, and the rest.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at_checked(count(text)).unwrap_or((text, &[]))
}

/// How many digits `text` begins with.
#[inline(always)]
fn count(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The number that `text` begins with, by the grammar of JSON.
pub(super) fn scan(text: &[u8]) -> Option<&[u8]> {
    let some = |text| match digits(text) {
        ([], _) => None,
        (_, rest) => Some(rest),
    };
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match unsigned {
        [b'0', rest @ ..] => rest,
        _ => some(unsigned)?,
    };
    if let [b'.', fraction @ ..] = rest {
        rest = some(fraction)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        rest = some(match exponent {
            [b'+' | b'-', exponent @ ..] => exponent,
            _ => exponent,
        })?;
    }
    text.get(..text.len().saturating_sub(rest.len()))
}

impl PartialEq for Normal<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.negative, self.exponent) == (other.negative, other.exponent)
            && self.digits().eq(other.digits())
    }
}

impl Hash for Normal<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.negative, self.exponent).hash(state);
        self.digits().for_each(|digit| digit.hash(state));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::DefaultHasher;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_values_have_one_form() {
        for (form, spellings) in [
            (
                "1005e3",
                &["100.5", "100.50", "1.005e2", "1005E-1", "0.1005e+03"][..],
            ),
            ("-1e1", &["-1", "-1.0", "-10e-1"]),
            ("e0", &["0", "-0", "0.00", "0e99", "-0.0e-7"]),
            (
                "12345678901234567890123456789e29",
                &["12345678901234567890123456789"],
            ),
            ("1e0", &["0.1", "0.10", "10e-2"]),
            ("1e1000000001", &["1e1000000000"]),
        ] {
            for text in spellings {
                let mut out = [0; 40];
                let value = Normal::of(text.as_bytes()).unwrap();
                let len = value.write(&mut out).unwrap();
                assert_eq!(&out[..len], form.as_bytes(), "{text}");
                assert_eq!(value.write(&mut out[..len - 1]), None, "{text}");
                if let Some((len, plain)) = Normal::plain(text.as_bytes()) {
                    assert!(len == text.len() && plain == value, "{text}");
                }
            }
        }
    }

    #[test]
    fn what_json_has_no_number_for_is_none() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1e+-1",
            "1e 1",
            "1e1.0",
            "1 ",
            " 1",
            "0x1",
            "NaN",
            "1,5",
            "--1",
            "1.5.5",
            "1e1e1",
            "1e9223372036854775808",
            "1e9223372036854775807",
            "0.1e9223372036854775807",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn numbers_of_one_value_are_one_in_a_set() {
        let set = |texts: &[&str]| -> HashSet<_> {
            texts
                .iter()
                .filter_map(|text| Decimal::parse(text))
                .collect()
        };
        assert_eq!(set(&["100.5", "100.50", "1.005e2", "-0", "0.0"]).len(), 2);
        // Equal ones hash alike, and others almost never do.
        let hash = |n: u32| {
            let mut hasher = DefaultHasher::new();
            Decimal::parse(&n.to_string()).unwrap().hash(&mut hasher);
            hasher.finish()
        };
        assert!((1..100).map(hash).collect::<HashSet<_>>().len() > 90);
    }

    #[test]
    fn numbers_and_strings_are_read_alike() {
        let read = |text| serde_json::from_str::<Decimal>(text);
        assert_eq!(read("15000").unwrap(), read("\"15000\"").unwrap());
        assert_eq!(read("0.1").unwrap().as_str(), "0.1");
        assert_eq!(format!("{:?}", read("1e2").unwrap()), "Decimal(1e2)");
        assert_eq!(
            serde_json::to_string(&read("0.10").unwrap()).unwrap(),
            "\"0.10\""
        );
        assert!(read("\"1\\u0030\"").is_err());
        assert!(read("true").is_err());
        assert!(read("\"\"").is_err());
    }

    proptest! {
        #[test]
        fn two_are_equal_where_their_values_are(
            a in -1_000_000_i128..1_000_000, b in -1_000_000_i128..1_000_000,
            x in 0_u32..12, y in 0_u32..12, same: bool,
        ) {
            // a/10^x and b/10^y, or two spellings of the first.
            let (b, y) = if same { (a * 10_i128.pow(y), x + y) } else { (b, y) };
            let read = |digits: i128, places: u32| Decimal::parse(&format!("{digits}e-{places}")).unwrap();
            let equal = a * 10_i128.pow(y) == b * 10_i128.pow(x);
            prop_assert_eq!(read(a, x) == read(b, y), equal);
            let printed = read(a, x).to_string();
            prop_assert_eq!(Decimal::parse(&printed).unwrap(), read(a, x));
        }

        #[test]
        fn shifting_the_point_and_the_exponent_together_changes_nothing(
            digits in "[1-9][0-9]{0,20}", fraction in "[0-9]{1,20}", shift in 0_i64..40,
        ) {
            let plain = Decimal::parse(&format!("{digits}.{fraction}")).unwrap();
            let zeros = "0".repeat(usize::try_from(shift).unwrap());
            let moved = format!("0.{zeros}{digits}{fraction}e{}",
                i64::try_from(digits.len()).unwrap() + shift);
            prop_assert_eq!(&plain, &Decimal::parse(&moved).unwrap());
            let other = Decimal::parse(&format!("{digits}.{fraction}1")).unwrap();
            prop_assert_ne!(plain, other);
        }
    }
}
