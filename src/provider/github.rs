//! GitHub: events of repositories, organizations and apps, signed with HMAC-SHA256
//! (<https://docs.github.com/en/webhooks>).
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::UnixTime;
//! use tower_webhook::provider::{self, github};
//! use tower_webhook::signature::SignatureErrorKind;
//!
//! // GitHub's documented example.
//! let github = provider::github(github::keys(["It's a Secret to Everybody"])?);
//! let mut headers = HeaderMap::new();
//! headers.insert(
//!     "x-hub-signature-256",
//!     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17".parse()?,
//! );
//!
//! let verifier = github.verifier().ok_or("it signs")?;
//! assert!(verifier.verify(&headers, b"Hello, World!", UnixTime::now()).is_ok());
//!
//! let refused = verifier.verify(&headers, b"Hello, world!", UnixTime::now()).unwrap_err();
//! assert_eq!(refused.kind(), SignatureErrorKind::Mismatch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Only the body is signed. Anyone who holds one captured delivery can forge `X-GitHub-Event` and
//! `X-GitHub-Delivery`: determine the kind of an event from its body, and use the id only to
//! search. Only the record stops a replay, for as long as it is kept.
//!
//! # Events without a moment of their own
//!
//! Some events have no time, version or id of their own, so a second genuine one can equal the
//! first in every byte: someone is added to a team, removed, and added again. These types are keyed
//! on `X-GitHub-Delivery` together with the body: `membership`, `member`, `org_block`,
//! `organization`, `team`, `team_add`, `label`, `installation_repositories`,
//! `github_app_authorization`, `workflow_dispatch` and `repository_dispatch`. Their bodies may
//! contain a time of the repository or installation, but it need not change with the event. GitHub
//! keeps the id when it delivers again, so a redelivery is a duplicate. The type is derived from
//! the members of the signed body, never from `X-GitHub-Event`.
//!
//! **For these types a captured delivery runs again under another id**, as often as its holder likes:
//! nothing signed distinguishes it from a genuine one. If that is worse than a missed event, choose
//! [`Provider::key_on_content_alone`]. The second of two equal events is then a duplicate for as long as
//! the record is kept. A hook whose content type is `application/x-www-form-urlencoded` sends the same
//! JSON in its field `payload`, which is read in the same way.

use std::time::Duration;

use super::Provider;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::event::{EventRule, KnownShape, Name};
use crate::secret::{KeyRing, NamedSecret, SecretFormat, api_key};
use crate::signature::{Scheme, Verifier};

const NAME: Name = Name::constant("github");

/// GitHub, proved by its signature.
///
/// - `X-Hub-Signature-256: sha256=<hex>` over the body alone; the SHA-1 of `X-Hub-Signature` is not
///   accepted. It covers no time, so a captured delivery never becomes stale.
/// - One event is one body, by its digest: two deliveries that agree in every byte are one event,
///   even if two hooks with one secret send them. Only the types without a time or version of their
///   own are also keyed on `X-GitHub-Delivery`, as [the module](self) describes.
/// - Bodies of up to 25 MiB: GitHub delivers none over "25 MB"
///   (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>), which is read
///   as the larger of its two meanings.
/// - One attempt, waiting 10 s (GitHub Enterprise Server may wait longer). GitHub never retries by
///   itself. Deliveries of the last three days can be sent again by hand or by script; one that was
///   already handled is then answered from its record.
pub fn github(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Hub-Signature-256")
        .single("sha256=", Encoding::Hex)
        .shown_id_header("X-GitHub-Delivery")
        .secrets(SecretFormat::Text)
        .known();
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None)
        .waits(Duration::from_secs(10))
        .redelivers_by_hand()
        .sends_up_to(25 * 1024 * 1024);
    Provider::signed(
        NAME,
        Verifier::new(scheme, keys),
        EventRule::body()
            .known_unsigned_id_for(&["X-GitHub-Delivery"], without_moment())
            .or_form_field("payload"),
        contract,
    )
}

/// The types without a time or version of their own, identified by combinations of members that no
/// other type has (`@octokit/openapi-webhooks` 12.1 lists those of all types).
fn without_moment() -> [KnownShape; 12] {
    // Members that any event can have.
    let envelope = [
        "action",
        "enterprise",
        "installation",
        "organization",
        "repository",
        "sender",
    ];
    let and = |own: &'static [&'static str]| envelope.iter().chain(own).copied();
    [
        KnownShape::recognized("membership")
            .when_one_of("/action", ["added", "removed"])
            .when("/scope")
            .when("/member")
            .when("/team"),
        KnownShape::recognized("member")
            .when_one_of("/action", ["added", "edited", "removed"])
            .when("/member")
            .when("/repository")
            .only(and(&["changes", "member"])),
        KnownShape::recognized("label")
            .when_one_of("/action", ["created", "deleted", "edited"])
            .when("/label")
            .when("/repository")
            .only(and(&["changes", "label"])),
        KnownShape::recognized("installation_repositories")
            .when_one_of("/action", ["added", "removed"])
            .when("/installation")
            .when("/repositories_added")
            .when("/repositories_removed")
            .only(and(&[
                "repositories_added",
                "repositories_removed",
                "repository_selection",
                "requester",
            ])),
        KnownShape::recognized("team_add")
            .when("/team")
            .when("/repository")
            .unless("/action")
            .only(and(&["team"])),
        KnownShape::recognized("org_block")
            .when_one_of("/action", ["blocked", "unblocked"])
            .when("/blocked_user")
            .when("/organization"),
        KnownShape::recognized("organization")
            .when_one_of(
                "/action",
                ["member_added", "member_invited", "member_removed"],
            )
            .when("/organization"),
        KnownShape::recognized("organization")
            .when_one_of("/action", ["deleted", "renamed"])
            .when("/organization")
            // Otherwise it is a repository or an app that was deleted.
            .unless("/repository")
            .unless("/installation/account")
            .only(and(&["changes", "membership"])),
        KnownShape::recognized("team")
            .when_one_of(
                "/action",
                [
                    "added_to_repository",
                    "created",
                    "deleted",
                    "edited",
                    "removed_from_repository",
                ],
            )
            .when("/team")
            .only(and(&["changes", "team"])),
        KnownShape::recognized("github_app_authorization")
            .when_one_of("/action", ["revoked"])
            .when("/sender")
            .only([
                "action",
                "enterprise",
                "installation",
                "organization",
                "sender",
            ]),
        KnownShape::recognized("workflow_dispatch")
            .when("/workflow")
            .when("/ref")
            .when("/repository")
            .when_there("/inputs")
            .unless("/action"),
        KnownShape::recognized("repository_dispatch")
            .when("/action")
            .when("/branch")
            .when("/repository")
            .when_there("/client_payload"),
    ]
}

/// The hook's secrets, named `1`, `2` and so on in their order unless they
/// [have a name](NamedSecret). The key is the text itself.
///
/// # Errors
///
/// As [`KeyRing::parse`].
pub fn keys<I>(secrets: I) -> Result<KeyRing, ConfigError>
where
    I: IntoIterator,
    I::Item: NamedSecret,
{
    KeyRing::of_provider("github", &SecretFormat::Text, &[api_key], secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::tests::receive;

    // docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
    const MAC: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn one_event_is_one_body_whatever_the_unsigned_headers_say() {
        let github = github(keys(["It's a Secret to Everybody"]).unwrap());
        let signature = format!("sha256={MAC}");
        let deliver = |id: &str, body: &str, now| {
            let headers = [
                ("X-Hub-Signature-256", &*signature),
                ("X-GitHub-Delivery", id),
            ];
            receive(&github, &headers, body, now)
        };
        let event = deliver("72d3162e-cc78-11e3-81ab-4c9367dc0958", "Hello, World!", 0).unwrap();
        // `printf 'Hello, World!' | openssl dgst -sha256`
        assert_eq!(
            event.key.encoded(),
            "github:sha256:dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f"
        );
        assert_eq!(deliver("made up", "Hello, World!", u64::MAX), Ok(event));
        assert!(deliver("made up", "Hello, world!", 0).is_err());

        // SHA-1 is not accepted: neither its header nor its name.
        for (name, value) in [
            ("X-Hub-Signature", format!("sha1={}", "0".repeat(40))),
            ("X-Hub-Signature-256", format!("sha1={MAC}")),
            ("X-Hub-Signature-256", MAC.to_owned()),
        ] {
            let delivered = receive(&github, &[(name, &value)], "Hello, World!", 0);
            assert!(delivered.is_err(), "{name}: {value}");
        }
    }
}
