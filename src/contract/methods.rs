//! The methods that a sender uses, and what they mean.

use http::{HeaderValue, Method};

/// The methods of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Methods {
    /// Empty for POST alone.
    pub(super) delivering: Box<[Method]>,
    pub(super) probing: Box<[Method]>,
}

/// The meaning of a request with some method.
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
        // The case of nearly every request.
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

    /// The methods that a receiver takes, for `Allow`; `None` for POST alone.
    pub(crate) fn listed(&self) -> Option<HeaderValue> {
        if self.delivering.is_empty() && self.probing.is_empty() {
            return None;
        }
        let methods = self.delivering().iter().chain(&self.probing);
        let methods: Vec<_> = methods.map(Method::as_str).collect();
        HeaderValue::from_str(&methods.join(", ")).ok()
    }
}
