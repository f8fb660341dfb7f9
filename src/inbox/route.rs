use std::fmt;
use std::sync::Arc;

use crate::event::{Name, Scope};

/// Whose entry it is: the webhook that has accepted it, by the name that it has in every process.
///
/// Provider, tenant and consumer, and which of its provider's hooks it is where there are several. A
/// worker takes the entries of the routes that it serves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    text: Arc<str>,
    provider: Name,
}

impl Route {
    /// The route of a webhook.
    pub(crate) fn new(provider: &Name, scope: Option<&Scope>, hook: Option<&str>) -> Self {
        let mut text = match scope {
            Some(scope) => scope.encoded(provider),
            None => provider.to_string(),
        };
        if let Some(hook) = hook {
            text.push('#');
            text.push_str(hook);
        }
        Self {
            text: text.into(),
            provider: provider.clone(),
        }
    }

    /// Reads back what [`Route::as_str`] gave; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (scope, hook) = match text.split_once('#') {
            Some((scope, hook)) => (scope, Some(hook)),
            None => (text, None),
        };
        let (provider, scope) = Scope::decode(scope).ok()?;
        let route = Self::new(&provider, Some(&scope), hook);
        (*route.text == *text && hook != Some("")).then_some(route)
    }

    /// The route as text: `provider`, `@tenant`, `/consumer` and `#hook`, as far as there are any.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose deliveries come by it.
    pub fn provider(&self) -> &Name {
        &self.provider
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_back_as_it_was_written() {
        let name = |text| Name::new(text).unwrap();
        let scope = Scope {
            tenant: Some(name("shop")),
            consumer: Some(name("mail")),
        };
        for (route, text) in [
            (Route::new(&name("acme"), None, None), "acme"),
            (Route::new(&name("acme"), None, Some("cards")), "acme#cards"),
            (
                Route::new(&name("acme"), Some(&scope), Some("cards")),
                "acme@shop/mail#cards",
            ),
        ] {
            assert_eq!(route.as_str(), text);
            assert_eq!(Route::parse(text), Some(route.clone()));
            assert_eq!(route.provider(), &name("acme"));
        }
        for other in ["", "Acme", "acme#", "acme@", "acme/", "@shop"] {
            assert_eq!(Route::parse(other), None, "{other:?}");
        }
    }
}
