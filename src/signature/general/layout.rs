//! The layouts of signatures in their place.
//!
//! ```text
//! single     = prefix signature
//! pairs      = element *( separator element )   ; ts=1710929255;h1=6c05ef8f…
//! element    = [blanks] name "=" value [blanks]  ; other names are passed over
//! list       = entry *( separator entry )        ; v1=…, v1=…; other entries are passed over
//! entry      = [blanks] prefix signature [blanks]
//! positional = time 1*( separator signature )    ; 1614265330,sig,sig
//! envelope   = base64( JSON )                    ; {"kid":…,"signature":…}
//! ```

use std::borrow::Cow;

#[cfg(feature = "asymmetric")]
use super::envelope::Envelope;

use crate::signature::error::SignatureErrorKind as Kind;

/// As in the first edition: bounds how much of a stranger's text is parsed and compared.
const MAX_LEN: usize = 16 * 1024;
const MAX_CANDIDATES: usize = 64;

/// The layout of the text with the signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::signature) enum Layout {
    Single(Prefix),
    Pairs {
        separator: u8,
        /// Used only when writing.
        blank_behind: bool,
        timestamp: Option<Cow<'static, str>>,
        signature: Cow<'static, str>,
    },
    List {
        separator: u8,
        prefix: Prefix,
    },
    Positional {
        separator: u8,
    },
    #[cfg(feature = "asymmetric")]
    Envelope(Envelope),
}

/// The prefix of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::signature) struct Prefix {
    pub(in crate::signature) text: Cow<'static, str>,
    pub(in crate::signature) any_case: bool,
    pub(in crate::signature) is_optional: bool,
}

impl Prefix {
    fn strip<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let behind = text
            .split_at_checked(self.text.len())
            .and_then(|(head, rest)| {
                let same = match self.any_case {
                    true => head.eq_ignore_ascii_case(self.text.as_bytes()),
                    false => head == self.text.as_bytes(),
                };
                same.then_some(rest)
            });
        behind.or(self.is_optional.then_some(text))
    }
}

/// The texts of signatures, and the time or key name next to them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spelled<'t> {
    pub(super) signatures: Vec<Cow<'t, [u8]>>,
    pub(super) time: Option<&'t [u8]>,
    pub(super) key_id: Option<Vec<u8>>,
}

impl Layout {
    /// Whether the time is next to the signature.
    pub(in crate::signature) fn holds_time(&self) -> bool {
        match self {
            Self::Pairs { timestamp, .. } => timestamp.is_some(),
            Self::Positional { .. } => true,
            Self::Single(_) | Self::List { .. } => false,
            #[cfg(feature = "asymmetric")]
            Self::Envelope(_) => false,
        }
    }

    /// Whether the name of the key is next to the signature.
    #[cfg(feature = "asymmetric")]
    pub(in crate::signature) fn holds_key_id(&self) -> bool {
        matches!(self, Self::Envelope(_))
    }

    pub(super) fn split<'t>(&self, text: &'t [u8]) -> Result<Spelled<'t>, Kind> {
        if text.len() > MAX_LEN {
            return Err(Kind::HeaderTooLong);
        }
        let mut spelled = Spelled::default();
        match self {
            Self::Single(prefix) => {
                let rest = prefix.strip(text).ok_or(Kind::Malformed)?;
                spelled.signatures.push(Cow::Borrowed(rest));
            }
            Self::Pairs {
                separator,
                timestamp,
                signature,
                blank_behind: _,
            } => {
                for element in split(text, *separator)? {
                    let Some((name, value)) = name_and_value(element) else {
                        continue;
                    };
                    if timestamp
                        .as_ref()
                        .is_some_and(|time| time.as_bytes() == name)
                    {
                        if spelled
                            .time
                            .replace(value)
                            .is_some_and(|other| other != value)
                        {
                            return Err(Kind::InvalidTimestamp);
                        }
                    } else if signature.as_bytes() == name {
                        spelled.signatures.push(Cow::Borrowed(value));
                    }
                }
                if timestamp.is_some() && spelled.time.is_none() {
                    return Err(match spelled.signatures.is_empty() {
                        true => Kind::Malformed,
                        false => Kind::InvalidTimestamp,
                    });
                }
            }
            Self::List { separator, prefix } => {
                let entries = split(text, *separator)?;
                let of_ours = |entry: &&'t [u8]| prefix.strip(entry);
                let ours = entries.iter().filter_map(of_ours);
                spelled.signatures = ours.map(Cow::Borrowed).collect();
            }
            Self::Positional { separator } => {
                let mut entries = split(text, *separator)?.into_iter();
                spelled.time = entries.next();
                spelled.signatures = entries.map(Cow::Borrowed).collect();
            }
            #[cfg(feature = "asymmetric")]
            Self::Envelope(envelope) => {
                let (signature, key_id) = envelope.open(text).ok_or(Kind::Malformed)?;
                spelled.signatures.push(Cow::Owned(signature));
                spelled.key_id = Some(key_id);
            }
        }
        match spelled.signatures.is_empty() {
            true => Err(Kind::NoCandidate),
            false => Ok(spelled),
        }
    }

    /// The text with this signature, its time and the name of its key.
    pub(in crate::signature) fn print(
        &self,
        signature: &str,
        time: &str,
        #[cfg_attr(
            not(feature = "asymmetric"),
            expect(unused_variables, reason = "an envelope alone has it")
        )]
        key_id: &str,
    ) -> String {
        match self {
            Self::Single(prefix) | Self::List { prefix, .. } => {
                format!("{}{signature}", prefix.text)
            }
            Self::Pairs {
                separator,
                blank_behind,
                timestamp,
                signature: name,
            } => {
                let separator = char::from(*separator);
                let blank = if *blank_behind { " " } else { "" };
                match timestamp {
                    Some(time_name) => {
                        format!("{time_name}={time}{separator}{blank}{name}={signature}")
                    }
                    None => format!("{name}={signature}"),
                }
            }
            Self::Positional { separator } => {
                let separator = char::from(*separator);
                format!("{time}{separator}{signature}")
            }
            #[cfg(feature = "asymmetric")]
            Self::Envelope(envelope) => envelope.print(signature, key_id),
        }
    }
}

/// The parts of a list; a part may be empty.
fn split(text: &[u8], separator: u8) -> Result<Vec<&[u8]>, Kind> {
    let parts = text.split(|byte| *byte == separator || (separator == b' ' && *byte == b'\t'));
    let parts: Vec<_> = (parts.map(<[u8]>::trim_ascii))
        .filter(|part| !part.is_empty())
        .take(MAX_CANDIDATES.saturating_add(2))
        .collect();
    // One part is the time.
    match parts.len() > MAX_CANDIDATES.saturating_add(1) {
        true => Err(Kind::TooManyCandidates),
        false => Ok(parts),
    }
}

fn name_and_value(element: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = element.iter().position(|byte| *byte == b'=')?;
    let (name, value) = element.split_at_checked(at)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &'static str) -> Prefix {
        Prefix {
            text: text.into(),
            any_case: false,
            is_optional: false,
        }
    }

    fn read(layout: &Layout, text: &str) -> Result<(Option<String>, Vec<String>), Kind> {
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let spelled = layout.split(text.as_bytes())?;
        let signatures = spelled.signatures.iter();
        let signatures = signatures.map(|text| string(text)).collect();
        Ok((spelled.time.map(string), signatures))
    }

    fn found(
        time: Option<&str>,
        signatures: &[&str],
    ) -> Result<(Option<String>, Vec<String>), Kind> {
        Ok((
            time.map(str::to_owned),
            signatures.iter().map(|text| (*text).to_owned()).collect(),
        ))
    }

    fn pairs(separator: u8) -> Layout {
        Layout::Pairs {
            separator,
            blank_behind: false,
            timestamp: Some("t".into()),
            signature: "v1".into(),
        }
    }

    #[test]
    fn a_blank_is_written_where_the_sender_writes_one() {
        let printed = |blank_behind| {
            let layout = Layout::Pairs {
                separator: b',',
                blank_behind,
                timestamp: Some("t".into()),
                signature: "v1".into(),
            };
            layout.print("ab", "1", "")
        };
        // The form that npm @workos-inc/node and PyPI workos accept; the latter accepts no other.
        assert_eq!(printed(true), "t=1, v1=ab");
        assert_eq!(printed(false), "t=1,v1=ab");
    }

    #[test]
    fn pairs_are_split_by_their_separator() {
        assert_eq!(
            read(&pairs(b';'), "t=1;v1=a;v1=b"),
            found(Some("1"), &["a", "b"])
        );
        // WorkOS has a space after the comma, Knock an `=` in the value.
        assert_eq!(
            read(&pairs(b','), "t=1, v1=a=="),
            found(Some("1"), &["a=="])
        );
        assert_eq!(
            read(&pairs(b','), "v0=x,t=1,,v1=a,t=1"),
            found(Some("1"), &["a"])
        );
        for (text, kind) in [
            ("t=1,t=2,v1=a", Kind::InvalidTimestamp),
            ("v1=a", Kind::InvalidTimestamp),
            ("t=1", Kind::NoCandidate),
            ("t=1;v1=a", Kind::NoCandidate),
            ("", Kind::Malformed),
            ("a", Kind::Malformed),
        ] {
            assert_eq!(read(&pairs(b','), text), Err(kind), "{text}");
        }
    }

    #[test]
    fn lists_pass_over_other_versions() {
        let list = |separator, prefix: &'static str| Layout::List {
            separator,
            prefix: self::prefix(prefix),
        };
        assert_eq!(
            read(&list(b',', "v1="), "v1=a, v2=b,v1=c"),
            found(None, &["a", "c"])
        );
        assert_eq!(read(&list(b' ', "v1,"), "v1a,x v1,b"), found(None, &["b"]));
        assert_eq!(read(&list(b',', ""), "a,b"), found(None, &["a", "b"]));
        assert_eq!(read(&list(b',', "v1="), "v2=b"), Err(Kind::NoCandidate));
    }

    #[test]
    fn a_single_one_stands_behind_its_prefix() {
        let single = |any_case| {
            Layout::Single(Prefix {
                any_case,
                ..prefix("Bearer ")
            })
        };
        assert_eq!(read(&single(true), "bearer a b"), found(None, &["a b"]));
        assert_eq!(read(&single(false), "bearer a"), Err(Kind::Malformed));
        assert_eq!(read(&single(true), "Bear"), Err(Kind::Malformed));
    }

    #[test]
    fn a_prefix_may_be_left_out_where_the_scheme_says_so() {
        let optional = || Prefix {
            is_optional: true,
            ..prefix("sha256=")
        };
        let single = Layout::Single(optional());
        for text in ["sha256=ab", "ab"] {
            assert_eq!(read(&single, text), found(None, &["ab"]), "{text}");
        }
        let list = Layout::List {
            separator: b',',
            prefix: optional(),
        };
        assert_eq!(
            read(&list, "sha256=ab, cd,sha256=ef"),
            found(None, &["ab", "cd", "ef"])
        );
    }

    #[test]
    fn positions_count() {
        let layout = Layout::Positional { separator: b',' };
        assert_eq!(read(&layout, "1,a,b"), found(Some("1"), &["a", "b"]));
        assert_eq!(read(&layout, "1"), Err(Kind::NoCandidate));
    }

    #[test]
    fn what_a_stranger_can_make_us_read_is_bounded() {
        let layout = pairs(b',');
        let many = format!("t=1{}", ",v1=a".repeat(64));
        assert_eq!(layout.split(many.as_bytes()).unwrap().signatures.len(), 64);
        let more = format!("{many},v1=a");
        assert_eq!(read(&layout, &more), Err(Kind::TooManyCandidates));
        let long = "a".repeat(MAX_LEN + 1);
        assert_eq!(read(&layout, &long), Err(Kind::HeaderTooLong));
    }
}
