//! The names of the tables.

use std::fmt;

/// The longest prefix: Postgres truncates names at 63 bytes.
const LONGEST_PREFIX: usize = 40;
const LONGEST_SCHEMA: usize = 63;

/// The schema, and the prefix of the names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tables {
    schema: String,
    prefix: String,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            schema: "public".to_owned(),
            prefix: "tower_webhook_".to_owned(),
        }
    }
}

impl Tables {
    pub(super) fn new(schema: Option<String>, prefix: Option<String>) -> Result<Self, String> {
        let default = Self::default();
        let schema = schema.unwrap_or(default.schema);
        let prefix = prefix.unwrap_or(default.prefix);
        for (what, name, longest) in [
            ("a schema", &schema, LONGEST_SCHEMA),
            ("a table prefix", &prefix, LONGEST_PREFIX),
        ] {
            if !is_name(name, longest) {
                return Err(format!(
                    "{what} is 1 to {longest} of a-z, 0-9 and '_', with no digit first: {name:?}"
                ));
            }
        }
        Ok(Self { schema, prefix })
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// The table of records, as it is written in a statement.
    pub(super) fn records(&self) -> String {
        self.named("records")
    }

    pub(super) fn versions(&self) -> String {
        self.named("schema")
    }

    /// The lines of a journal.
    pub(super) fn journal(&self) -> String {
        self.named("journal")
    }

    /// The entries of an inbox.
    #[cfg(feature = "inbox")]
    pub(super) fn entries(&self) -> String {
        self.named("inbox")
    }

    /// The contents of entries.
    #[cfg(feature = "inbox")]
    pub(super) fn contents(&self) -> String {
        self.named("inbox_content")
    }

    /// The state of order keys.
    #[cfg(feature = "inbox")]
    pub(super) fn orders(&self) -> String {
        self.named("inbox_order")
    }

    pub(super) fn named(&self, what: &str) -> String {
        let Self { schema, prefix } = self;
        format!("\"{schema}\".\"{prefix}{what}\"")
    }

    /// The name of an index, which is in the schema of its table.
    pub(super) fn index(&self, what: &str) -> String {
        format!("\"{}{what}\"", self.prefix)
    }
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, prefix } = self;
        write!(f, "{schema}.{prefix}")
    }
}

fn is_name(name: &str, longest: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=longest).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_escape() {
        let own = |text: &str| Some(text.to_owned());
        let tables = Tables::new(own("app"), own("wh_")).unwrap();
        assert_eq!(tables.records(), r#""app"."wh_records""#);
        assert_eq!(tables.versions(), r#""app"."wh_schema""#);
        assert_eq!(
            Tables::default().records(),
            r#""public"."tower_webhook_records""#
        );
        for bad in ["", "a\"b", "A", "1a", "a-b", "é", &"a".repeat(64)] {
            assert!(Tables::new(own(bad), None).is_err(), "{bad}");
            assert!(Tables::new(None, own(bad)).is_err(), "{bad}");
        }
        assert!(Tables::new(None, own(&"a".repeat(41))).is_err());
    }
}
