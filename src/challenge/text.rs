/// The texts that are answered. All are short and contain no bracket or quote, so none is a JSON
/// body, or a content that contains one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChallengeText {
    /// 1 to 256 of `A-Z a-z 0-9 - . _ ~ + / =`.
    Token,
    /// A UUID in lower case with its hyphens.
    Uuid,
    /// 20 to 32 lower-case hex digits.
    Hex,
    /// 1 to 512 letters, digits, spaces and `- . _ ~ + / = : , ; ! ? * @ # $ % ( )`: a sentence without HTML markup.
    Sentence,
}

impl ChallengeText {
    pub(super) fn allows(self, text: &str) -> bool {
        let fits = match self {
            Self::Token => (1..=256).contains(&text.len()),
            Self::Uuid => {
                let hyphen = |place: usize| matches!(place, 8 | 13 | 18 | 23);
                let mut bytes = text.bytes().enumerate();
                text.len() == 36 && bytes.all(|(place, byte)| hyphen(place) == (byte == b'-'))
            }
            Self::Hex => (20..=32).contains(&text.len()),
            Self::Sentence => (1..=512).contains(&text.len()),
        };
        fits && text.bytes().all(|byte| self.may_hold(byte))
    }

    /// The length of the longest such text in bytes.
    pub(crate) fn longest(self) -> usize {
        match self {
            Self::Token => 256,
            Self::Uuid => 36,
            Self::Hex => 32,
            Self::Sentence => 512,
        }
    }

    /// Whether such a text may contain this byte.
    pub(crate) fn may_hold(self, byte: u8) -> bool {
        let hex = byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        match self {
            Self::Token => byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte),
            Self::Uuid => hex || byte == b'-',
            Self::Hex => hex,
            Self::Sentence => {
                byte.is_ascii_alphanumeric() || b" -._~+/=:,;!?*@#$%()".contains(&byte)
            }
        }
    }
}
