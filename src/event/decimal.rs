//! Numbers by their exact decimal value.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::json;

/// A decimal number, exactly as the sender wrote it; never a float.
///
/// It is read from a JSON number or from a string that contains one. Two are equal if their values
/// are: `100.5` is `100.50` and `1.005e2`. Only `serde_json` can deserialize it, and only directly
/// from text: a [`serde_json::Value`] would already have lost the digits.
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
    /// The number in `text` in the grammar of JSON (RFC 8259 section 6); `None` if it is not one or
    /// its exponent is beyond 64 bits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = json::number(text.as_bytes()) == Some(text.len());
        (is_number && form(text.as_bytes()).is_some()).then(|| Self(text.into()))
    }

    /// The number as the sender wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        form(self.0.as_bytes()) == form(other.0.as_bytes())
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        form(self.0.as_bytes()).hash(state);
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
    /// As a string, so that no reader converts it to a float.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The canonical form of a decimal value, `0.DIGITS × 10^EXPONENT`: a `-` if it is negative, the
/// digits without zeros at either end, `e`, the exponent. Zero has no digits.
///
/// The text is a JSON number. `None` if its exponent is beyond 64 bits.
pub(super) fn form(number: &[u8]) -> Option<SmallVec<[u8; 32]>> {
    let negative = number.first() == Some(&b'-');
    let unsigned = number.get(usize::from(negative)..)?;
    let (mantissa, exponent) = split(unsigned, |byte| matches!(byte, b'e' | b'E'));
    let exponent: i64 = match exponent {
        b"" => 0,
        exponent => std::str::from_utf8(exponent).ok()?.parse().ok()?,
    };
    let (integer, fraction) = split(mantissa, |byte| *byte == b'.');
    let mut form = SmallVec::from_slice(integer);
    form.extend_from_slice(fraction);
    let leading = form.iter().take_while(|digit| **digit == b'0').count();
    if leading > 0 {
        form.drain(..leading);
    }
    while form.last() == Some(&b'0') {
        form.pop();
    }
    if form.is_empty() {
        form.extend_from_slice(b"e0");
        return Some(form);
    }
    let exponent = exponent.checked_add(i64::try_from(integer.len()).ok()?)?;
    let exponent = exponent.checked_sub(i64::try_from(leading).ok()?)?;
    if negative {
        form.insert(0, b'-');
    }
    form.push(b'e');
    match u8::try_from(exponent) {
        Ok(exponent @ ..10) => form.push(b'0'.saturating_add(exponent)),
        _ => form.extend(exponent.to_string().bytes()),
    }
    Some(form)
}

/// The bytes before and after the first byte that matches.
fn split(text: &[u8], at: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let mut parts = text.splitn(2, at);
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
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
                let this = super::form(text.as_bytes()).unwrap();
                assert_eq!(&this[..], form.as_bytes(), "{text}");
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
        // Equal values have equal hashes, and others almost never do.
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
