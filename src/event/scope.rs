//! Whose events a key is one of, beside its provider's.

use std::sync::Arc;

use crate::error::ConfigError;
use crate::name::Name;

/// A tenant of several, and a consumer of several.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Scope {
    pub(crate) tenant: Option<Name>,
    pub(crate) consumer: Option<Name>,
}

impl Scope {
    /// To be shared by keys; `None` where it says nothing.
    pub(crate) fn shared(self) -> Option<Arc<Self>> {
        (self != Self::default()).then(|| Arc::new(self))
    }

    /// `provider`, `@tenant` and `/consumer`: no name holds one of these marks.
    pub(crate) fn encoded(&self, provider: &Name) -> String {
        let mut text = provider.to_string();
        for (mark, name) in [('@', &self.tenant), ('/', &self.consumer)] {
            if let Some(name) = name {
                text.push(mark);
                text.push_str(name.as_str());
            }
        }
        text
    }

    /// Reads back what [`Scope::encoded`] wrote.
    pub(crate) fn decode(text: &str) -> Result<(Name, Self), ConfigError> {
        let name = |name: &str| Name::new(name.to_owned());
        let (rest, consumer) = match text.split_once('/') {
            Some((rest, consumer)) => (rest, Some(name(consumer)?)),
            None => (text, None),
        };
        let (provider, tenant) = match rest.split_once('@') {
            Some((provider, tenant)) => (provider, Some(name(tenant)?)),
            None => (rest, None),
        };
        Ok((name(provider)?, Self { tenant, consumer }))
    }
}
