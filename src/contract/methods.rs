//! Which methods a sender uses, and what for.

use http::{HeaderValue, Method};

/// The methods of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Methods {
    /// None is POST alone.
    pub(super) delivering: Box<[Method]>,
    pub(super) probing: Box<[Method]>,
}

/// What a request with some method is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodUse {
    Delivery,
    Probe,
    Foreign,
}

impl Methods {
    pub(super) fn delivering(&self) -> &[Method] {
        match &*self.delivering {
            [] => &[Method::POST],
            methods => methods,
        }
    }

    #[inline]
    pub(crate) fn use_of(&self, method: &Method) -> MethodUse {
        // What nearly every request has.
        if self.delivering.is_empty() && *method == Method::POST {
            return MethodUse::Delivery;
        }
        if self.delivering().contains(method) {
            MethodUse::Delivery
        } else if self.probing.contains(method) {
            MethodUse::Probe
        } else {
            MethodUse::Foreign
        }
    }

    /// The methods that a receiver takes, as `Allow` tells them; none where it is POST alone.
    pub(crate) fn listed(&self) -> Option<HeaderValue> {
        if self.delivering.is_empty() && self.probing.is_empty() {
            return None;
        }
        let methods = self.delivering().iter().chain(&self.probing);
        let methods: Vec<_> = methods.map(Method::as_str).collect();
        HeaderValue::from_str(&methods.join(", ")).ok()
    }
}
