use super::*;
use crate::contract::RetrySchedule;

const PAGE: &str = include_str!("../../../docs/schemes.md");

/// The files that the page shows.
pub(in crate::provider) fn shown() -> Vec<ProviderFile> {
    let blocks = PAGE
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    // Public keys and tokens are read with their features alone.
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
    // Nothing said: a sender that tries again for a day, after 5xx.
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

/// The test-request of RFC 9421 (appendix B.2.5), by a file alone.
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
