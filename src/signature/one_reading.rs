//! Refuses to build a scheme whose signed content has more than one reading.

use super::component::Component;
use super::header::Grammar;
use super::names::Family;
use super::scheme::{SchemeBuilder, refused};
use crate::error::ConfigError;

impl SchemeBuilder {
    pub(super) fn check(&self, families: &[Family]) -> Result<(), ConfigError> {
        check_content(&self.content)?;

        let in_pairs = matches!(self.grammar, Grammar::Pairs { .. });
        let signs = |piece| self.content.contains(&piece);
        for family in families {
            if family.timestamp.is_some() && in_pairs {
                return Err(refused("the timestamp stands in two places"));
            }
            let reads_time = in_pairs || family.timestamp.is_some();
            match (reads_time, signs(Component::Timestamp)) {
                (true, false) => return Err(refused("the timestamp is read but not signed")),
                (false, true) => return Err(refused("the timestamp is signed but not read")),
                (true, true) | (false, false) => {}
            }
            match (family.id.is_some(), signs(Component::Id)) {
                (true, false) => return Err(refused("the id is read but not signed")),
                (false, true) => return Err(refused("the id is signed but not read")),
                (true, true) | (false, false) => {}
            }
        }
        if let Grammar::Pairs {
            timestamp,
            signature,
        } = &self.grammar
            && (timestamp == signature || timestamp.is_empty() || signature.is_empty())
        {
            return Err(refused("timestamp and signature need two different names"));
        }
        Ok(())
    }
}

/// No two varying pieces may touch.
fn check_content(content: &[Component]) -> Result<(), ConfigError> {
    let count = |piece| content.iter().filter(|other| **other == piece).count();
    if count(Component::Body) != 1 {
        return Err(refused("the content must hold the body once"));
    }
    if count(Component::Timestamp) > 1 || count(Component::Id) > 1 {
        return Err(refused("the content holds the timestamp or the id twice"));
    }
    if content.contains(&Component::literal("")) {
        return Err(refused("the content holds an empty text"));
    }
    let varies = |piece: &Component| !matches!(piece, Component::Literal(_));
    if content
        .iter()
        .zip(content.iter().skip(1))
        .any(|(a, b)| varies(a) && varies(b))
    {
        return Err(refused(
            "two pieces of the content have nothing between them",
        ));
    }
    let after_time = content
        .iter()
        .zip(content.iter().skip(1))
        .find(|(a, _)| **a == Component::Timestamp);
    if let Some((_, Component::Literal(text))) = after_time
        && text.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(refused("the text after the timestamp begins with a digit"));
    }
    Ok(())
}
