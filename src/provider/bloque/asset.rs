use std::fmt;

use serde::Deserialize;

use crate::event::Decimal;
use crate::printable::Printable;

/// An asset and how many decimal places its amounts have, as in `DUSD/6`.
///
/// ```text
/// asset = code [ "/" scale ]    scale = 1*DIGIT, up to 255
/// ```
///
/// ```
/// use tower_webhook::Decimal;
/// use tower_webhook::provider::bloque::Asset;
///
/// let asset = Asset::from("DUSD/6".to_owned());
/// assert_eq!((asset.code(), asset.scale()), ("DUSD", Some(6)));
/// let amount = asset.in_units(&Decimal::parse("-50").unwrap()).unwrap();
/// assert_eq!(amount.as_str(), "-0.000050");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub struct Asset(String);

impl Asset {
    /// The text as Bloque wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text before the last `/`, or all of it if it has no scale.
    pub fn code(&self) -> &str {
        self.split().map_or(&self.0, |(code, _)| code)
    }

    /// The number of decimal places of an amount, if the text states it.
    pub fn scale(&self) -> Option<u8> {
        self.split().map(|(_, scale)| scale)
    }

    fn split(&self) -> Option<(&str, u8)> {
        let (code, scale) = self.0.rsplit_once('/')?;
        let digits = scale.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !code.is_empty())
            .then(|| scale.parse().ok())
            .flatten()
            .map(|scale| (code, scale))
    }

    /// The exact value of an amount that is written as a whole number of the smallest unit. `None`
    /// if it is not a plain integer or the text has no scale.
    pub fn in_units(&self, amount: &Decimal) -> Option<Decimal> {
        let scale = usize::from(self.scale()?);
        let text = amount.as_str();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if scale == 0 {
            return Some(amount.clone());
        }
        // At least one digit precedes the point.
        let padded = format!("{digits:0>width$}", width = scale.saturating_add(1));
        let (units, fraction) = padded.split_at_checked(padded.len().checked_sub(scale)?)?;
        Decimal::parse(&format!("{sign}{units}.{fraction}"))
    }
}

impl From<String> for Asset {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn in_units(amount: &str, asset: &str) -> Option<String> {
        let amount = Decimal::parse(amount).unwrap();
        let units = Asset::from(asset.to_owned()).in_units(&amount)?;
        Some(units.as_str().to_owned())
    }

    #[test]
    fn the_point_is_set_exactly() {
        for (amount, asset, expected) in [
            ("1500000", "DUSD/6", Some("1.500000")),
            ("5", "DUSD/6", Some("0.000005")),
            ("-1234567", "DUSD/6", Some("-1.234567")),
            ("0", "DUSD/2", Some("0.00")),
            ("15", "COP/0", Some("15")),
            (
                "12345678901234567890123456789",
                "ETH/18",
                Some("12345678901.234567890123456789"),
            ),
            ("1.5", "DUSD/6", None),
            ("1e3", "DUSD/6", None),
            ("15", "DUSD", None),
        ] {
            assert_eq!(
                in_units(amount, asset).as_deref(),
                expected,
                "{amount} {asset}"
            );
        }
    }

    #[test]
    fn a_text_that_tells_no_scale_is_all_code() {
        let split = |text: &str| {
            let asset = Asset::from(text.to_owned());
            (asset.code().to_owned(), asset.scale())
        };
        assert_eq!(split("DUSD/6"), ("DUSD".to_owned(), Some(6)));
        assert_eq!(split("a/b/255"), ("a/b".to_owned(), Some(255)));
        for text in [
            "", "DUSD", "DUSD/", "/6", "DUSD/+6", "DUSD/-1", "DUSD/256", "DUSD/6x",
        ] {
            assert_eq!(split(text), (text.to_owned(), None));
        }
    }

    proptest! {
        #[test]
        fn a_scale_is_a_power_of_ten(amount in "-?(0|[1-9][0-9]{0,40})", scale in 0_u8..=255) {
            let units = in_units(&amount, &format!("X/{scale}")).unwrap();
            let expected = Decimal::parse(&format!("{amount}e-{scale}")).unwrap();
            prop_assert_eq!(Decimal::parse(&units).unwrap(), expected);
        }
    }
}
