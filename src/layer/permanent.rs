use http::Response;

use crate::runtime::Permanent;

/// Put in a response's extensions by [`Permanent`].
#[derive(Debug, Clone, Copy)]
struct Mark;

impl Permanent<()> {
    /// Marks any response.
    pub fn mark<B>(response: &mut Response<B>) {
        response.extensions_mut().insert(Mark);
    }

    pub(crate) fn is_marked<B>(response: &Response<B>) -> bool {
        response.extensions().get::<Mark>().is_some()
    }
}
