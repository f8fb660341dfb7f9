/// Which texts are answered. None of them is long, or holds a bracket, a quote or a colon, so that
/// none is a JSON body, or a content that holds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChallengeText {
    /// 1 to 256 of `A-Z a-z 0-9 - . _ ~ + / =`.
    Token,
    /// A UUID in lower case with its hyphens.
    Uuid,
    /// 20 to 32 lower-case hex digits.
    Hex,
}

impl ChallengeText {
    pub(super) fn allows(self, text: &str) -> bool {
        let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
        match self {
            Self::Token => {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
                (1..=256).contains(&text.len()) && text.bytes().all(plain)
            }
            Self::Uuid => {
                let hyphen = |place: usize| matches!(place, 8 | 13 | 18 | 23);
                let fits = |(place, byte)| {
                    if hyphen(place) {
                        byte == b'-'
                    } else {
                        hex(byte)
                    }
                };
                text.len() == 36 && text.bytes().enumerate().all(fits)
            }
            Self::Hex => (20..=32).contains(&text.len()) && text.bytes().all(hex),
        }
    }
}
