//! The names that a sender gives to things, open to names that it adds later.

/// An enum of a sender's names, with `Other` for every name that is not known yet.
macro_rules! names {
    ($(#[$about:meta])* $enum:ident { $($variant:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Deserialize)]
        #[serde(from = "String")]
        #[non_exhaustive]
        pub enum $enum {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )+
            /// Another one, as the sender wrote it.
            Other(String),
        }

        impl $enum {
            /// The name as the sender writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }

        impl From<String> for $enum {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($name => Self::$variant,)+
                    _ => Self::Other(name),
                }
            }
        }

        impl From<&str> for $enum {
            fn from(name: &str) -> Self {
                Self::from(name.to_owned())
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&$crate::printable::Printable(self.as_str()), f)
            }
        }
    };
}

pub(crate) use names;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::printable::Printable;
    use crate::provider::bloque::AccountStatus;

    #[test]
    fn a_name_that_is_not_known_yet_is_kept() {
        let frozen = AccountStatus::Other("Frozen".to_owned());
        assert_eq!(AccountStatus::from("frozen"), AccountStatus::Frozen);
        assert_eq!(AccountStatus::from("Frozen"), frozen);
        let read = serde_json::from_str::<AccountStatus>;
        assert_eq!(read(r#""\u0066rozen""#).unwrap(), AccountStatus::Frozen);
        assert!(read("1").is_err() && read("null").is_err());
    }

    proptest! {
        #[test]
        fn every_name_is_written_as_it_was_read(name in "active|creation_failed|.{0,8}") {
            let status = AccountStatus::from(name.as_str());
            prop_assert_eq!(status.as_str(), &name);
            prop_assert_eq!(status.to_string(), Printable(name).to_string());
        }
    }
}
