use std::fmt;
use std::sync::Arc;

use crate::event::{Name, Scope};

/// The webhook that has accepted an entry, identified by the name that it has in every process.
///
/// It consists of provider, tenant and consumer, and the provider's hook if there are several. A
/// worker takes the entries of the routes that it serves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    text: Arc<str>,
    provider: Name,
}

const UNCONFIRMED: char = '?';

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

    /// The route on which content of this route waits until it is confirmed. A worker that does not
    /// know it takes none.
    pub(crate) fn unconfirmed(&self) -> Self {
        Self {
            text: format!("{UNCONFIRMED}{}", self.text).into(),
            provider: self.provider.clone(),
        }
    }

    /// Whether content on this route must be confirmed, and then runs on its own route.
    ///
    /// ```
    /// use tower_webhook::inbox::Route;
    ///
    /// let waits = |route: &str| Route::parse(route).is_some_and(|route| route.is_unconfirmed());
    /// assert!(waits("?blox") && !waits("blox"));
    /// ```
    pub fn is_unconfirmed(&self) -> bool {
        self.text.starts_with(UNCONFIRMED)
    }

    /// The provider whose rates hold its entries back; `None` if nothing runs here.
    pub(crate) fn rated(&self) -> Option<&Name> {
        (!self.is_unconfirmed()).then_some(&self.provider)
    }

    /// Reads back the output of [`Route::as_str`]; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(confirmed) = text.strip_prefix(UNCONFIRMED) {
            let route = Self::parse(confirmed)?;
            return (!route.is_unconfirmed()).then(|| route.unconfirmed());
        }
        let (scope, hook) = match text.split_once('#') {
            Some((scope, hook)) => (scope, Some(hook)),
            None => (text, None),
        };
        let (provider, scope) = Scope::decode(scope).ok()?;
        let route = Self::new(&provider, Some(&scope), hook);
        let is_one = hook != Some("") && scope.unconfirmed.is_none();
        (*route.text == *text && is_one).then_some(route)
    }

    /// The route as text: `provider`, `@tenant`, `/consumer` and `#hook`, as far as they are set;
    /// after a `?` if it is [unconfirmed](Self::is_unconfirmed).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The provider whose deliveries use it.
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
            ..Scope::default()
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
            let unconfirmed = route.unconfirmed();
            assert_eq!(unconfirmed.as_str(), format!("?{text}"));
            assert!(unconfirmed.is_unconfirmed() && !route.is_unconfirmed());
            assert_eq!(Route::parse(unconfirmed.as_str()), Some(unconfirmed));
        }
        for other in [
            "", "Acme", "acme#", "acme@", "acme/", "@shop", "?", "??acme", "acme?", "acme?1",
        ] {
            assert_eq!(Route::parse(other), None, "{other:?}");
        }
    }
}
