use super::*;
use crate::contract::RetrySchedule;

const PAGE: &str = include_str!("../../../docs/schemes.md");

/// The example files on the page.
pub(in crate::provider) fn shown() -> Vec<ProviderFile> {
    let blocks = PAGE
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    // Public keys and tokens can be read only with their features.
    let count = if cfg!(feature = "jwt") { 7 } else { 5 };
    (blocks.take(count))
        .map(|text| toml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}

fn refused(json: &str) -> String {
    serde_json::from_str::<ProviderFile>(json)
        .unwrap_err()
        .to_string()
}

#[test]
fn the_page_shows_senders_that_are_read() {
    let names: Vec<_> = shown().iter().map(|file| file.name.to_string()).collect();
    let all = [
        "linear", "square", "twitch", "asaas", "pagbank", "discord", "plaid",
    ];
    assert_eq!(names, all[..if cfg!(feature = "jwt") { 7 } else { 5 }]);
}

#[test]
fn the_words_of_a_scheme_are_read() {
    for word in ["sha1", "sha256", "sha384", "sha512"] {
        let scheme = format!(
            r#"{{"at":{{"header":"x-signature"}},"algorithm":"{word}","content":["body","secret"]}}"#
        );
        let read: Result<Scheme, _> = serde_json::from_str(&scheme);
        assert!(read.is_ok(), "{word}: {read:?}");
    }
    let scheme = r#"{"at":{"header":"x-signature"},"layout":{"prefix":"v1="},"optional-prefix":true,
        "time":{"at":{"header":"x-time"},"format":"rfc3339-or-utc"},"content":["time",{"text":"."},"body"]}"#;
    let read: Scheme = serde_json::from_str(scheme).unwrap();
    assert!(read.tolerance().is_some());
}

#[test]
fn a_file_says_how_its_sender_delivers() {
    let file: ProviderFile = serde_json::from_str(
        r#"{"name":"acme","scheme":{"at":{"header":"x-sig"},"content":["body"],"secrets":{"base64":"whsec_"}},
            "contract":{"retries":{"exponential":{"first":60,"attempts":4}},"waits":20,"success":200,
            "retried":{"server-errors-and":[429]},"largest-body":1000,"redelivers-by-hand":true}}"#,
    )
    .unwrap();
    let keys = KeyRing::parse(
        file.secret_format(),
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    );
    let contract = file.provider(keys.unwrap()).unwrap().contract().clone();
    assert_eq!(
        contract.schedule().interval(),
        Some(std::time::Duration::from_secs(60))
    );
    assert_eq!(contract.time_to_answer().as_secs(), 20);
    assert_eq!(contract.largest_body(), 1000);
    let status = |code| http::StatusCode::from_u16(code).unwrap();
    assert!(contract.retries(status(429)) && !contract.retries(status(404)));
    // With nothing stated, the sender retries for a day after 5xx.
    let bare = r#"{"name":"acme","scheme":{"at":{"query":"sig"},"content":["body"]}}"#;
    let bare: ProviderFile = serde_json::from_str(bare).unwrap();
    let contract = bare.contract.contract();
    assert!(matches!(
        contract.schedule(),
        RetrySchedule::Unstated { .. }
    ));
    assert!(contract.retries(status(503)) && !contract.retries(status(400)));
}

#[test]
fn what_cannot_be_verified_is_refused_where_it_is_read() {
    let scheme = |scheme: &str| refused(&format!(r#"{{"name":"acme","scheme":{{{scheme}}}}}"#));
    for (text, why) in [
        (
            r#""at":{"header":"x-sig"},"content":["time","body"]"#,
            "signed but not read",
        ),
        (
            r#""at":{"header":"x-sig"},"id":{"header":"x-id"},"content":["id","body"],"tolerance":0"#,
            "tolerance",
        ),
        (
            r#""at":{"header":"no header"},"content":["body"]"#,
            "not a header name",
        ),
        (
            r#""at":{"header":"x-sig"},"content":["body"],"colour":"red""#,
            "unknown field",
        ),
        (
            r#""at":{"header":"x-sig"},"content":["boddy"]"#,
            "unknown variant",
        ),
        (
            r#""at":{"header":"x-sig"},"content":["public-url","body"]"#,
            "public URL",
        ),
        (
            r#""at":{"header":"x-sig"},"content":[{"member":"/id"}]"#,
            "neither the body",
        ),
    ] {
        let error = scheme(text);
        assert!(error.contains(why), "{text}: {error}");
    }
    let events = r#"{"name":"acme","scheme":{"at":{"header":"x"},"content":["body"]},"events":{"key":["id"]}}"#;
    assert!(refused(events).contains("pointer"), "{}", refused(events));
    assert!(
        refused(r#"{"name":"no name","scheme":{"at":{"header":"x"},"content":["body"]}}"#)
            .contains("name")
    );
}

/// The test-request of RFC 9421 (appendix B.2.5), defined by a file alone.
#[cfg(feature = "asymmetric")]
#[test]
fn message_signatures_are_said_in_a_file_too() {
    let file: ProviderFile = toml::from_str(
        r#"
name = "acme"
[scheme]
public-url = "https://example.com/foo"
secrets = { base64 = "" }
[scheme.message]
algorithms = ["hmac-sha256"]
covering = ["date", "@authority"]
label = "sig-b25"
"#,
    )
    .unwrap();
    let secret =
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
    let keys = KeyRing::parse(file.secret_format(), [secret]).unwrap();
    let verifier = file.provider(keys).unwrap().verifier().unwrap().clone();
    let request = http::Request::post("/foo")
        .header("date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .header("content-type", "application/json")
        .header("signature-input", r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#)
        .header("signature", "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:")
        .body(())
        .unwrap();
    let now = crate::clock::UnixTime::from_secs(1_618_884_473);
    assert!(verifier.verify(&request, b"", now).is_ok());
    assert!(refused(r#"{"name":"acme","scheme":{}}"#).contains("where the signature stands"));
    let both = r#"{"name":"acme","scheme":{"at":{"header":"x"},"message":{"algorithms":["ed25519"],"covering":["@method"]}}}"#;
    assert!(refused(both).contains("a place of their own"));
}

/// Their names in tokens and in the registry of RFC 9421, which errors use too.
#[cfg(feature = "jwt")]
#[test]
fn algorithms_are_said_by_their_names() {
    use crate::signature::{JwsAlgorithm, MessageAlgorithm};

    let refused = serde_json::from_str::<JwsAlgorithm>(r#""none""#).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "unknown variant `none`, expected one of `HS256`, `HS384`, `HS512`, `RS256`, `RS384`, `RS512`, \
         `PS256`, `ES256`, `ES384`, `ES512`, `ES256K`, `EdDSA` at line 1 column 6"
    );
    let refused = serde_json::from_str::<MessageAlgorithm>(r#""none""#).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "unknown variant `none`, expected one of `hmac-sha256`, `ed25519`, `ecdsa-p256-sha256`, \
         `ecdsa-p384-sha384`, `rsa-v1_5-sha256`, `rsa-pss-sha512` at line 1 column 6"
    );
}

/// A sender as part of a user's own settings file.
mod alone {
    use std::time::Duration;

    use http::HeaderMap;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::SenderContract;
    use crate::event::{EventRule, Shape};

    fn json<T: DeserializeOwned>(text: &str) -> T {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn error<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        serde_json::from_str::<T>(text).unwrap_err().to_string()
    }

    fn keys(rule: &EventRule, body: &str) -> Vec<String> {
        let (acme, headers) = (Name::new("acme").unwrap(), HeaderMap::new());
        match rule.identify_items(&acme, &headers, body.as_bytes(), 100) {
            Ok(Some(items)) => (items.iter())
                .map(|item| item.identity.as_ref().unwrap().key.to_string())
                .collect(),
            _ => {
                let event = rule.identify(&acme, &headers, None, body.as_bytes());
                vec![event.unwrap().key.to_string()]
            }
        }
    }

    #[derive(Debug, Deserialize)]
    struct Settings {
        retries: RetrySchedule,
        scheme: Scheme,
        order: Shape,
        events: EventRule,
    }

    #[test]
    fn settings_of_a_users_own_hold_each_part() {
        let settings: Settings = toml::from_str(
            r#"
            retries = { listed = [1, 60] }

            [scheme]
            at = { header = "x-sig" }
            content = ["body"]

            [order]
            name = "order"
            key = ["/id", "/status"]
            fingerprint = ["/amount"]

            [events]
            each = { list = "/pix|", item = { key = ["/endToEndId"] } }
            "#,
        )
        .unwrap();
        assert_eq!(
            settings.retries,
            RetrySchedule::listed([1, 60].map(Duration::from_secs).to_vec())
        );
        assert_eq!(settings.scheme.headers().next().unwrap(), "x-sig");
        let rule = EventRule::members([settings.order]).unwrap();
        assert_eq!(keys(&rule, r#"{"id":7,"status":"PAID"}"#), ["7:PAID"]);
        let list = r#"{"pix":[{"endToEndId":"E1"},{"endToEndId":"E2"}]}"#;
        assert_eq!(keys(&settings.events, list), ["E1", "E2"]);
    }

    #[test]
    fn a_rule_has_shapes_and_an_order() {
        let rule: EventRule = json(
            r#"{"shapes":[
                {"name":"refund","key":["/refund/id"],"when":["/refund"],"unless":["/test"]},
                {"name":"paid","key":["/id"],"when-one-of":{"/status":["PAID"]},"own-id":true,"test-ids":["0"]}],
              "order":{"by":["/id"],"version":{"rank":{"member":"/status","statuses":["OPEN","PAID"]}}}}"#,
        );
        assert_eq!(keys(&rule, r#"{"refund":{"id":"r1"}}"#), ["r1"]);
        let (acme, headers) = (Name::new("acme").unwrap(), HeaderMap::new());
        let paid = br#"{"id":"p1","status":"PAID"}"#;
        let event = rule.identify(&acme, &headers, None, paid).unwrap();
        assert_eq!(event.shape.as_deref(), Some("paid"));
        let order = event.order.unwrap();
        assert_eq!(order.key.as_str(), "p1");
        assert!(order.version.is_some());
        let open = br#"{"id":"p1","status":"OPEN"}"#;
        assert!(rule.identify(&acme, &headers, None, open).is_err());
    }

    #[test]
    fn a_contract_stands_alone() {
        let contract: SenderContract =
            json(r#"{"retries":{"fixed":{"interval":30,"attempts":5}},"retried":{"only":[503]}}"#);
        assert_eq!(contract.schedule().horizon(), Duration::from_secs(150));
        let status = |code| http::StatusCode::from_u16(code).unwrap();
        assert!(contract.retries(status(503)) && !contract.retries(status(500)));
        assert_eq!(json::<RetrySchedule>(r#""never""#), RetrySchedule::Never);
    }

    #[test]
    fn what_is_wrong_names_the_member() {
        for (found, wanted) in [
            (
                error::<RetrySchedule>(r#"{"fixed":{"interval":"30 s","attempts":5}}"#),
                "fixed.interval: invalid type: string \"30 s\", expected u64 at line 1 column 27",
            ),
            (
                error::<RetrySchedule>(r#"{"fixed":{"interval":30}}"#),
                "fixed: missing field `attempts`",
            ),
            (
                error::<RetrySchedule>(r#""sometimes""#),
                "unknown variant `sometimes`",
            ),
            (
                error::<Shape>(r#"{"key":["id"]}"#),
                "key: pointer \"id\" does not begin with '/'",
            ),
            (
                error::<Shape>(r#"{"key":["/id"],"time":"at"}"#),
                "time: pointer \"at\"",
            ),
            (
                error::<Shape>(r#"{"key":["/a","/b"],"own-id":true}"#),
                "own-id: the sender's own id is one member",
            ),
            (
                error::<Shape>(r#"{"key":"/id"}"#),
                "key: invalid type: string \"/id\", expected a sequence",
            ),
            (
                error::<EventRule>(r#"{"each":{"list":"/pix","item":{"key":["id"]}}}"#),
                "each.item.key: pointer \"id\"",
            ),
            (
                error::<EventRule>(r#"{"shapes":[{"key":["/id"]},{"key":[7]}]}"#),
                "shapes[1].key[0]: invalid type: integer `7`",
            ),
            (
                error::<EventRule>(r#"{"shapes":[{"when":["/id"]}]}"#),
                "shapes: a shape needs a key field",
            ),
            (
                error::<EventRule>(r#"{"signed-id":true,"key":["/id"]}"#),
                "signed-id: stands beside a key",
            ),
            (
                error::<EventRule>(r#"{"own-id":true}"#),
                "own-id: belongs to a key",
            ),
            (
                error::<EventRule>(r#"{"key":["/id"],"order":{"by":["id"]}}"#),
                "order.by: pointer \"id\"",
            ),
            (
                error::<Scheme>(r#"{"at":{"header":"x-sig"},"content":["body"],"tolerance":0}"#),
                "tolerance: 0 s is outside",
            ),
            (
                error::<Scheme>(r#"{"at":{"headers":"x-sig"}}"#),
                "at: unknown variant `headers`",
            ),
            (
                error::<SenderContract>(r#"{"success":500}"#),
                "put a 2xx first",
            ),
            (
                refused(
                    r#"{"name":"acme","scheme":{"at":{"header":"x"},"content":["body"]},"contract":{"waits":"5"}}"#,
                ),
                "contract.waits: invalid type",
            ),
            (
                refused(
                    r#"{"name":"acme","scheme":{"at":{"header":"x"},"content":["body"],"public-url":"x"}}"#,
                ),
                "scheme.public-url: ",
            ),
        ] {
            assert!(
                found.starts_with(wanted) || wanted.starts_with("put") && found.contains(wanted),
                "{found} <> {wanted}"
            );
        }
    }
}
