//! The known senders by name.

use std::time::Duration;

use tower_webhook::event::{EventRule, Shape};
use tower_webhook::provider::{
    self, SenderFacts, blendfi, bloque, github, senders, shopify, slack, standard_webhooks, stripe,
};
use tower_webhook::signature::PublicUrl;
use tower_webhook::{
    Allowlist, ConfigError, Name, NamedSecret, PathTokens, Provider, RetriedStatuses,
    RetrySchedule, Secrets, SenderContract, SigningKey,
};

use crate::failure::Failure;

/// A known sender.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) proof: &'static str,
    pub(crate) event: &'static str,
    pub(crate) how: How,
}

/// How its provider is built.
#[derive(Clone, Copy)]
pub(crate) enum How {
    Keys(fn(Secrets) -> Result<Provider, ConfigError>),
    Address(fn(Allowlist) -> Provider),
    Token(fn(PathTokens) -> Result<Provider, ConfigError>),
    Facts(&'static SenderFacts),
}

const FIRSTS: [Preset; 12] = [
    Preset {
        name: "blendfi",
        title: "BlendFi",
        proof: "HMAC-SHA256 over `{time}.{body}` in `X-Blendfi-Signature`",
        event: "`id`",
        how: How::Keys(|secrets| blendfi::keys(secrets).map(provider::blendfi)),
    },
    Preset {
        name: "bloquo",
        title: "Bloquo",
        proof: "source address",
        event: "`OrderId` and `Status`",
        how: How::Address(provider::bloquo),
    },
    Preset {
        name: "blox",
        title: "BLOX",
        proof: "secret path, and its status API",
        event: "`checkoutId` and `status`",
        how: How::Token(|tokens| Ok(provider::blox(tokens).without_status_check())),
    },
    Preset {
        name: "bloque-account",
        title: "Bloque, accounts",
        proof: "secret path",
        event: "account, event type and time",
        how: How::Token(|tokens| Ok(provider::bloque_accounts(tokens))),
    },
    Preset {
        name: "bloque-card",
        title: "Bloque, cards",
        proof: "secret path",
        event: "type, event and transaction",
        how: How::Token(|tokens| Ok(provider::bloque_accounts(tokens))),
    },
    Preset {
        name: "bloque-payment",
        title: "Bloque, payments",
        proof: "HMAC-SHA256 over the body in `x-bloque-signature`",
        event: "`id`; or type and payment",
        how: How::Keys(|secrets| bloque::keys(secrets).map(provider::bloque_payments)),
    },
    Preset {
        name: "github",
        title: "GitHub",
        proof: "HMAC-SHA256 over the body in `X-Hub-Signature-256`",
        event: "the body; of some types with the id of the delivery",
        how: How::Keys(|secrets| github::keys(secrets).map(provider::github)),
    },
    Preset {
        name: "pix",
        title: "A bank that speaks the API of BACEN",
        proof: "secret path",
        event: "each of `pix`, by `endToEndId`",
        how: How::Token(pix),
    },
    Preset {
        name: "shopify",
        title: "Shopify",
        proof: "HMAC-SHA256 over the body in `X-Shopify-Hmac-SHA256`",
        event: "the body; where something is gone, with the id of the delivery",
        how: How::Keys(|secrets| shopify::keys(secrets).map(provider::shopify)),
    },
    Preset {
        name: "slack",
        title: "Slack, Events API",
        proof: "HMAC-SHA256 over `v0:{time}:{body}` in `X-Slack-Signature`",
        event: "`event_id`",
        how: How::Keys(|secrets| slack::keys(secrets).map(provider::slack)),
    },
    Preset {
        name: "standard-webhooks",
        title: "Standard Webhooks",
        proof: "HMAC-SHA256 over `{id}.{time}.{body}` in `webhook-signature`",
        event: "the signed id",
        how: How::Keys(|secrets| {
            let keys = standard_webhooks::keys(secrets)?;
            Ok(provider::standard_webhooks(
                Name::new("standard-webhooks")?,
                keys,
            ))
        }),
    },
    Preset {
        name: "stripe",
        title: "Stripe",
        proof: "HMAC-SHA256 over `{time}.{body}` in `Stripe-Signature`",
        event: "`id`",
        how: How::Keys(|secrets| stripe::keys(secrets).map(provider::stripe)),
    },
];

/// All senders, ordered by name.
pub(crate) fn all() -> Vec<Preset> {
    let facts = senders().map(|facts| Preset {
        name: facts.name(),
        title: facts.title(),
        proof: facts.proof(),
        event: facts.event(),
        how: How::Facts(facts),
    });
    let mut all: Vec<_> = FIRSTS.into_iter().chain(facts).collect();
    all.sort_by_key(|preset| preset.name);
    all
}

/// The sender of this name, in which `-` and `_` are interchangeable.
pub(crate) fn find(name: &str) -> Option<Preset> {
    let alike = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    all()
        .into_iter()
        .find(|preset| alike(preset.name) == alike(name))
}

/// Whether this is the provider name of a known sender: Bloque's two hooks share one.
pub(crate) fn is_known(name: &str) -> bool {
    find(name).is_some() || name == "bloque"
}

/// The name under which receivers store a sender's events, if it differs from the typed one.
pub(crate) fn stored(typed: &str) -> Option<Name> {
    let name = find(typed)?.provider_name()?;
    (name.as_str() != typed).then_some(name)
}

const LISTED: &str = "`webhook providers` lists all, and this program knows none of your own";

/// A sender's name from the command line.
pub(crate) fn name(text: &str) -> Result<String, String> {
    if let Some(preset) = find(text) {
        return Ok(preset.name.to_owned());
    }
    let all = all();
    let near = all
        .iter()
        .map(|preset| (distance(preset.name, text), preset.name))
        .min()
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 4))
        .map(|(_, name)| name);
    let starting = || {
        all.iter()
            .map(|preset| preset.name)
            .find(|name| name.starts_with(text))
    };
    Err(match near.or_else(starting) {
        Some(near) => format!("no such sender; did you mean {near}? {LISTED}"),
        None => format!("no such sender; {LISTED}"),
    })
}

/// The number of letters to change, add or remove (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, of_a) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        for (of_b, cell) in b.chars().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            let changed = diagonal.saturating_add(usize::from(of_a != of_b));
            *cell = changed
                .min(above.saturating_add(1))
                .min(left.saturating_add(1));
            diagonal = above;
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or_default()
}

impl Preset {
    /// The sender with these secrets; `None` if it does not sign.
    pub(crate) fn signed(
        &self,
        secrets: Secrets,
        url: &PublicUrl,
    ) -> Result<Option<Provider>, ConfigError> {
        match self.how {
            How::Keys(make) => make(secrets).map(Some),
            How::Facts(facts) => of_facts(facts, secrets, url).map(Some),
            How::Address(_) | How::Token(_) => Ok(None),
        }
    }

    /// The name under which receivers store its events; `None` if each receiver chooses it.
    pub(crate) fn provider_name(&self) -> Option<Name> {
        match self.how {
            _ if self.name.starts_with("standard") => None,
            How::Facts(facts) => facts.provider_name(),
            _ if self.name.starts_with("bloque-") => Name::new("bloque").ok(),
            _ => Name::new(self.name).ok(),
        }
    }

    /// Its delivery contract, which depends on no secret.
    pub(crate) fn contract(&self) -> Option<SenderContract> {
        let url = PublicUrl::parse("https://hooks.example/").ok()?;
        let provider = match self.how {
            How::Address(make) => make(Allowlist::parse(["127.0.0.1"]).ok()?),
            How::Token(make) => make(PathTokens::parse(["token-of-nobody-at-all"]).ok()?).ok()?,
            How::Keys(_) | How::Facts(_) => [
                "5hG7kQ2mW9xZ4tB8vN3c",
                "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "44782deff47aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
                "ana:5hG7kQ2mW9xZ4tB8",
            ]
            .into_iter()
            .find_map(|secret| self.signed(Secrets::parse(secret).ok()?, &url).ok()?)?,
        };
        Some(provider.contract().clone())
    }

    /// Refuses senders that sign with a private key of their own.
    pub(crate) fn check_signs_by_secret(&self) -> Result<(), Failure> {
        match self.how {
            How::Facts(facts) if facts.signs_with_private_key() => Err(Failure::usage(format!(
                "{}: it signs with a private key, which it alone has: nobody else can make its deliveries; in a test \
                 `TestDelivery::signed_by_key` signs with one of the test's own, and `webhook verify` judges what \
                 it has sent",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn signs(&self) -> bool {
        matches!(self.how, How::Keys(_) | How::Facts(_))
    }

    pub(crate) fn has_token(&self) -> bool {
        matches!(self.how, How::Token(_))
    }
}

/// Each secret, parsed as this sender's.
fn of_facts(
    facts: &SenderFacts,
    secrets: Secrets,
    url: &PublicUrl,
) -> Result<Provider, ConfigError> {
    let secrets: Vec<_> = secrets.into_iter().collect();
    let first = secrets.first().map_or("", |secret| secret.text());
    let provider = facts.provider(first, url)?;
    if let Some(verifier) = provider.verifier()
        && secrets.len() > 1
    {
        let format = verifier.scheme().secret_format();
        let keys = (1_u32..).zip(&secrets).map(|(place, secret)| {
            let name = secret
                .name()
                .map_or_else(|| place.to_string(), str::to_owned);
            Ok(SigningKey::new(name, format.parse(secret.text())?))
        });
        verifier
            .keys()
            .replace(keys.collect::<Result<Vec<_>, ConfigError>>()?)?;
    }
    Ok(provider)
}

fn pix(tokens: PathTokens) -> Result<Provider, ConfigError> {
    let payment = Shape::new("pix", ["/endToEndId"])?.time("/horario")?;
    let schedule = RetrySchedule::Unstated {
        interval: Duration::from_secs(30),
        horizon: Duration::from_secs(86_400),
    };
    Ok(Provider::by_secret_path(
        Name::new("pix")?,
        tokens,
        EventRule::each("/pix|", EventRule::members([payment])?)?,
        SenderContract::new(schedule, RetriedStatuses::AllButSuccess),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (a, b, expected) in [
            ("kitten", "sitting", 3),
            ("stripe", "strpe", 1),
            ("", "abc", 3),
            ("abc", "abc", 0),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn every_sender_has_the_name_that_its_events_are_kept_under() {
        for preset in &all() {
            let is_named = !preset.title.starts_with("Standard Webhooks");
            assert_eq!(
                preset.provider_name().is_some(),
                is_named,
                "{}",
                preset.name
            );
        }
        let named = |typed| stored(typed).map(|name| name.to_string());
        assert_eq!(named("bloque-card").as_deref(), Some("bloque"));
        assert_eq!((named("bloque"), named("stripe")), (None, None));
        assert_eq!(named("nobody-at-all"), None);
    }

    #[test]
    fn every_sender_is_found_by_its_name() {
        let all = all();
        assert!(all.len() > 80, "{}", all.len());
        for preset in &all {
            assert_eq!(
                name(&preset.name.to_uppercase().replace('-', "_")).as_deref(),
                Ok(preset.name)
            );
        }
        for (wrong, near) in [
            ("strpe", "stripe"),
            ("gitub", "github"),
            ("twili", "twilio"),
        ] {
            let told = name(wrong).unwrap_err();
            assert!(told.contains(&format!("did you mean {near}?")), "{told}");
        }
        assert_eq!(
            name("nobody at all"),
            Err(format!("no such sender; {LISTED}"))
        );
    }
}
