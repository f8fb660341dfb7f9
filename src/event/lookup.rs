//! A few members of a JSON body, read by the same rules as an event's own.

use super::canonical::Forms;
use super::error::EventErrorKind as Kind;
use super::members::Wanted;
use super::pointer::Pointer;
use crate::error::ConfigError;

/// The places of some members in a JSON object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lookup {
    pointers: Box<[Pointer]>,
    wanted: Wanted,
}

impl Lookup {
    /// Looks up these pointers (RFC 6901, through objects alone), at most eight members deep.
    pub(crate) fn new<'a>(
        pointers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let pointers: Box<[_]> = (pointers.into_iter())
            .map(|text| Pointer::check(text).map(|()| Pointer::known(text)))
            .collect::<Result<_, _>>()?;
        let wanted = Wanted::new(pointers.iter().map(|pointer| (pointer.clone(), false)));
        Ok(Self { pointers, wanted })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pointers.is_empty()
    }

    /// The JSON text at each pointer, in their order; `None` if the member is absent or null.
    ///
    /// # Errors
    ///
    /// A body that is not a JSON object, or a member that occurs twice.
    pub(crate) fn raw(&self, body: &[u8]) -> Result<Vec<Option<Vec<u8>>>, Kind> {
        let mut forms = Forms::new();
        let found = self.wanted.find(body, &mut forms)?;
        (self.pointers.iter())
            .map(|pointer| {
                let place = found.get(pointer)?;
                let text = place.filter(|place| place.raw != b"null");
                Ok(text.map(|place| place.raw.to_vec()))
            })
            .collect()
    }
}
