//! Which of a sender's events are for this receiver.

use super::canonical::Forms;
use super::error::{EventError, EventErrorKind as Kind};
use super::field::{Field, text_of};
use super::members::{Found, Wanted};

/// The conditions for an event to be handled here.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    /// The place of its type.
    types_at: Option<Field>,
    /// The selected types; `None` selects all.
    types: Option<Box<[Box<str>]>>,
    /// The accepted recipients, for each field that may name one.
    addressees: Vec<(Field, Box<[Box<str>]>)>,
    wanted: Wanted,
}

impl Selection {
    pub(super) fn types_at(mut self, field: Field) -> Self {
        self.types_at = Some(field);
        self.known()
    }

    pub(super) fn tells_types(&self) -> bool {
        self.types_at.is_some()
    }

    pub(super) fn only_types(mut self, types: Box<[Box<str>]>) -> Self {
        self.types = Some(types);
        self.known()
    }

    pub(super) fn only_for(mut self, field: Field, values: Box<[Box<str>]>) -> Self {
        self.addressees.push((field, values));
        self.known()
    }

    /// Prepares the lookup of its members.
    fn known(mut self) -> Self {
        let types = self.types_at.iter().filter(|_| self.types.is_some());
        let fields = types.chain(self.addressees.iter().map(|(field, _)| field));
        let pointers: Vec<_> = fields.flat_map(Field::pointers).cloned().collect();
        self.wanted = Wanted::new(pointers.into_iter().map(|pointer| (pointer, false)));
        self
    }

    /// Refuses an event that is not for this receiver.
    ///
    /// Unreadable content passes: the rule decides whether it is an event.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), EventError> {
        if self.types.is_none() && self.addressees.is_empty() {
            return Ok(());
        }
        let mut forms = Forms::new();
        let Ok(found) = self.wanted.find(body, &mut forms) else {
            return Ok(());
        };
        for (field, ours) in &self.addressees {
            if !all_of(field, ours, &found)?.unwrap_or(true) {
                return Err(field.error(Kind::NotOurs));
            }
        }
        if let Some((field, types)) = self.types_at.as_ref().zip(self.types.as_ref())
            && !all_of(field, types, &found)?.unwrap_or(false)
        {
            return Err(field.error(Kind::Filtered));
        }
        Ok(())
    }
}

/// Whether each spelling of a field that is present is one of these texts; `None` if none is
/// present, or all are null or empty.
///
/// # Errors
///
/// A spelling that is not text, such as a list. It may still name one of them, so the event must
/// not be answered with success because of it.
fn all_of(
    field: &Field,
    texts: &[Box<str>],
    found: &Found<'_>,
) -> Result<Option<bool>, EventError> {
    let mut all = None;
    for value in field.values(found) {
        let raw = value.map_err(|kind| field.error(kind))?.raw;
        if matches!(raw, b"null" | b"\"\"") {
            continue;
        }
        let text = text_of(raw).ok_or_else(|| field.error(Kind::WrongType))?;
        let is_one = texts.iter().any(|one| **one == *text);
        all = Some(all.unwrap_or(true) && is_one);
    }
    Ok(all)
}
