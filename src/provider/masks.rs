use super::Provider;
use crate::path::PathTokens;
use crate::recorded::Masks;
#[cfg(feature = "senders")]
use crate::signature::{Place, Scheme};

impl Provider {
    /// The secrets in its requests. A signature is not one: it is kept, so that a refusal can be diagnosed.
    pub(crate) fn masks(&self) -> Masks {
        let mut masks = Masks {
            has_token: !self.paths.is_empty(),
            tail: self
                .paths
                .iter()
                .find_map(PathTokens::tail)
                .map(str::to_owned),
            tokens: self.paths.clone(),
            ..Masks::default()
        };
        if let Some(custom) = &self.custom {
            masks.headers = custom.secret_headers();
        }
        if let Some(verifier) = &self.signature {
            masks.kept_headers = verifier.scheme().headers().cloned().collect();
            #[cfg(feature = "senders")]
            add_tokens(&mut masks, verifier.scheme());
        }
        #[cfg(feature = "senders")]
        for challenge in &self.challenges {
            masks.headers.extend(challenge.secret_header());
            (masks.members).extend(challenge.secret_member().map(str::to_owned));
        }
        masks
    }
}

/// If a scheme is a shared token, the token itself is the secret.
#[cfg(feature = "senders")]
fn add_tokens(masks: &mut Masks, scheme: &Scheme) {
    for place in scheme.token_places() {
        match place {
            Place::Header(name) => masks.headers.extend(name.parse()),
            Place::NumberedHeaders { prefix, count } => {
                let names =
                    (1..=count).filter_map(|number| format!("{prefix}{number}").parse().ok());
                masks.headers.extend(names);
            }
            Place::Query(name) => masks.parameters.push(name.into_owned()),
            Place::Member(pointer) => masks.members.push(pointer.into_owned()),
            Place::EachMember { list, member } => {
                (masks.each).push((list.into_owned(), member.into_owned()));
            }
            Place::FormField(name) => masks.fields.push(name.into_owned()),
            // No sender uses a bearer token as a whole body.
            #[cfg(feature = "jwt")]
            Place::Body => {}
        }
    }
}
