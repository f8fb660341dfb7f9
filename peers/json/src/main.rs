//! What published readers of JSON make of the text of strangers: `docs/by-hand.md` has the table.
//!
//! `cargo run --manifest-path peers/json/Cargo.toml`
//!
//! Each reader looks for the member `id` of an object and passes over all else.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

type Read = fn(&[u8]) -> Result<String, String>;

const READERS: [(&str, Read); 3] = [
    ("serde_json", by_serde_json),
    ("serde_json, raw names", by_raw_names),
    ("jiter", by_jiter),
];

#[derive(Deserialize)]
struct Wanted<'b> {
    #[serde(borrow)]
    id: &'b RawValue,
}

fn by_serde_json(body: &[u8]) -> Result<String, String> {
    let wanted = serde_json::from_slice::<Wanted<'_>>(body);
    wanted
        .map(|wanted| wanted.id.get().to_owned())
        .map_err(|error| error.to_string())
}

/// As `src/event/members.rs` does it: the body as text, whatever is no text replaced.
fn by_raw_names(body: &[u8]) -> Result<String, String> {
    use serde::de::{Deserializer, MapAccess, Visitor};
    struct Members;
    impl<'b> Visitor<'b> for Members {
        type Value = String;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<String, A::Error> {
            let mut id = String::new();
            while let Some(name) = map.next_key::<&RawValue>()? {
                if name.get() == "\"id\"" {
                    id = map.next_value::<&RawValue>()?.get().to_owned();
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(id)
        }
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let mut json = serde_json::Deserializer::from_str(&text);
    let id = json.deserialize_map(Members);
    id.map_err(|error| error.to_string())
}

fn by_jiter(body: &[u8]) -> Result<String, String> {
    let mut json = jiter::Jiter::new(body);
    let mut read = || -> Result<String, jiter::JiterError> {
        let mut id = String::new();
        let mut name = json.next_object()?.map(str::to_owned);
        while let Some(this) = name {
            if this == "id" {
                id = json.next_str()?.to_owned();
            } else {
                json.next_skip()?;
            }
            name = json.next_key()?.map(str::to_owned);
        }
        json.finish()?;
        Ok(id)
    };
    read().map_err(|error| format!("{:?}", error.error_type))
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let around = |value: &[u8]| [b"{\"data\":".as_slice(), value, b",\"id\":\"evt_1\"}"].concat();
    vec![
        ("half of a surrogate pair", around(br#""cut \ud83d""#)),
        (
            "the same as a name beside `id`",
            br#"{"\ud83d":1,"id":"evt_1"}"#.to_vec(),
        ),
        (
            "129 levels",
            around(("[".repeat(129) + &"]".repeat(129)).as_bytes()),
        ),
        ("exponent of 20 digits", around(b"1e99999999999999999999")),
        (
            "integer of 5,000 digits",
            around("9".repeat(5_000).as_bytes()),
        ),
        (
            "member twice",
            br#"{"level":1,"level":2,"id":"evt_1"}"#.to_vec(),
        ),
        ("no UTF-8", around(b"\"\xff\"")),
        (
            "the same as a name beside `id`",
            b"{\"\xff\":1,\"id\":\"evt_1\"}".to_vec(),
        ),
        (
            "byte order mark",
            [b"\xef\xbb\xbf".as_slice(), &around(b"1")].concat(),
        ),
    ]
}

fn main() {
    let names: Vec<_> = READERS
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    println!("| what stands there | {} |", names.join(" | "));
    println!("| --- | {} |", ["---"; READERS.len()].join(" | "));
    for (what, body) in bodies() {
        let verdicts = READERS.map(|(_, read)| match read(&body) {
            Ok(id) if id.trim_matches('"') == "evt_1" => "read",
            _ => "refused",
        });
        println!("| {what} | {} |", verdicts.join(" | "));
    }
}
