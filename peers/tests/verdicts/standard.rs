//! Standard Webhooks and Svix: three headers, base64, a list of signatures.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

use crate::delivery::{Delivery, mac};
use crate::tally::judge;

#[derive(Debug, Clone)]
enum Families {
    Webhook,
    Svix,
    Both,
    OneHeaderOfTheOther,
}

#[derive(Debug, Clone)]
enum Time {
    At(i64),
    Around(&'static str, i64, &'static str),
    Text(String),
}

#[derive(Debug, Clone)]
enum Entry {
    Right,
    /// Over the number that the time spells, as some peers sign.
    RightForNumber,
    Wrong([u8; 32]),
    RightUnpadded,
    RightInUrlAlphabet,
    RightWithTrailingBits,
    RightInTwoPieces,
    RightCut(usize),
    RightAs(&'static str),
    Text(String),
}

#[derive(Debug, Clone)]
struct Secret {
    prefix: &'static str,
    key: Vec<u8>,
    unpadded: bool,
    trailing_bits: bool,
}

#[derive(Debug, Clone)]
struct Plan {
    families: Families,
    id: Vec<u8>,
    time: Time,
    entries: Vec<Entry>,
    /// So many wrong ones, or so long a one of another version, stand first.
    many: Option<usize>,
    long: Option<usize>,
    between: &'static str,
    repeated: Option<(usize, bool)>,
    missing: Option<usize>,
    changed: Option<(prop::sample::Index, u8)>,
    body: Vec<u8>,
    secret: Secret,
}

fn ids() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => "[A-Za-z0-9_-]{1,40}".prop_map(String::into_bytes),
        1 => "[a-z]{0,5}\\.[0-9]{0,5}".prop_map(String::into_bytes),
        1 => Just(Vec::new()),
        1 => (250_usize..263).prop_map(|len| vec![b'i'; len]),
        1 => "[ -~]{1,10}".prop_map(String::into_bytes),
        1 => vec(0x80_u8..=0xff, 1..4),
    ]
}

fn times() -> impl Strategy<Value = Time> {
    prop_oneof![
        30 => (-290_i64..=290).prop_map(Time::At),
        2 => prop_oneof![298_i64..=302, -302_i64..=-298].prop_map(Time::At),
        2 => prop_oneof![306_i64..4_000, -1_000_000_i64..-306].prop_map(Time::At),
        2 => (prop::sample::select(vec!["+", "0", "00", "-", " ", ""]), -200_i64..200, prop::sample::select(vec!["", "", ".0", " ", "e0"]))
            .prop_map(|(before, at, behind)| Time::Around(before, at, behind)),
        1 => prop_oneof![Just("-9223372036854775808".to_owned()), "[0-9]{0,21}", "-?[0-9]{1,19}", "[ -~]{0,12}"].prop_map(Time::Text),
    ]
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = prop_oneof![
        12 => Just(Entry::Right),
        3 => Just(Entry::RightForNumber),
        4 => any::<[u8; 32]>().prop_map(Entry::Wrong),
        1 => Just(Entry::RightUnpadded),
        1 => Just(Entry::RightInUrlAlphabet),
        1 => Just(Entry::RightWithTrailingBits),
        1 => Just(Entry::RightInTwoPieces),
        1 => (0_usize..44).prop_map(Entry::RightCut),
        2 => prop::sample::select(vec!["v1a,", "v2,", "v0,", "V1,", "v1", "v1=", "", "v,", "vv1,", "v1 ,", "v1,v1,", "md5,"]).prop_map(Entry::RightAs),
        1 => "(v1a|v2|v1|x|),[A-Za-z0-9+/=]{0,50}".prop_map(Entry::Text),
        1 => "[!-~]{0,10}".prop_map(Entry::Text),
    ];
    prop_oneof![6 => vec(one.clone(), 1), 3 => vec(one, 0..5)]
}

fn secrets() -> impl Strategy<Value = Secret> {
    let usual = vec(any::<u8>(), 24).prop_map(|key| Secret {
        prefix: "whsec_",
        key,
        unpadded: false,
        trailing_bits: false,
    });
    let any = (
        prop::sample::select(vec!["whsec_", ""]),
        vec(any::<u8>(), 8..70),
        any::<bool>(),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(prefix, key, unpadded, trailing_bits)| Secret {
            prefix,
            key,
            unpadded,
            trailing_bits,
        });
    prop_oneof![8 => usual, 2 => any]
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[ -~]{0,100}".prop_map(String::into_bytes),
        2 => "\\PC{0,40}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..100),
        // Across the blocks of SHA-256.
        1 => (0_usize..400).prop_map(|len| vec![b'x'; len]),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    use Families::{Both, OneHeaderOfTheOther, Svix, Webhook};
    let families = prop_oneof![20 => Just(Webhook), 6 => Just(Svix), 1 => Just(Both), 1 => Just(OneHeaderOfTheOther)];
    let shape = (
        weighted(0.03, 58_usize..70),
        weighted(0.03, 16_000_usize..17_000),
        prop_oneof![30 => Just(" "), 1 => Just("  "), 1 => Just(","), 1 => Just("\t")],
        weighted(0.05, (0_usize..3, any::<bool>())),
        weighted(0.03, 0_usize..3),
        weighted(
            0.1,
            (
                any::<prop::sample::Index>(),
                prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff],
            ),
        ),
    );
    (
        families,
        ids(),
        times(),
        entries(),
        shape,
        bodies(),
        secrets(),
    )
        .prop_map(
            |(
                families,
                id,
                time,
                entries,
                (many, long, between, repeated, missing, changed),
                body,
                secret,
            )| Plan {
                families,
                id,
                time,
                entries,
                many,
                long,
                between,
                repeated,
                missing,
                changed,
                body,
                secret,
            },
        )
}

impl Secret {
    /// As it is configured, and whether it truly lacks padding and has trailing bits.
    fn write(&self) -> (String, bool, bool) {
        let mut text = data_encoding::BASE64.encode(&self.key);
        let padded = text.ends_with('=');
        let bits = self.trailing_bits && padded;
        if bits {
            let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let digits = text.trim_end_matches('=').len();
            let at = alphabet
                .find(&text[digits - 1..digits])
                .expect("it is base64");
            text.replace_range(digits - 1..digits, &alphabet[at + 1..at + 2]);
        }
        let unpadded = self.unpadded && padded;
        if unpadded {
            text.truncate(text.trim_end_matches('=').len());
        }
        (format!("{}{text}", self.prefix), unpadded, bits)
    }
}

fn build(plan: Plan, now: u64) -> Delivery {
    let (secret, unpadded_secret, trailing_bits) = plan.secret.write();
    let key = &plan.secret.key;
    let at = |away: i64| now.saturating_add_signed(away).to_string();
    let (time, away) = match &plan.time {
        Time::At(away) => (at(*away), *away),
        Time::Around(before, away, behind) => (format!("{before}{}{behind}", at(*away)), *away),
        Time::Text(text) => (text.clone(), 0),
    };
    let sign = |time: &str| mac(key, &[&plan.id, b".", time.as_bytes(), b".", &plan.body]);
    let right = data_encoding::BASE64.encode(&sign(&time));
    let number = time
        .parse()
        .map_or(time.clone(), |number: i64| number.to_string());

    let mut texts: Vec<String> = Vec::new();
    texts.extend(plan.long.map(|len| format!("v9,{}", "x".repeat(len))));
    texts.extend(
        (0..plan.many.unwrap_or(0))
            .map(|_| format!("v1,{}", data_encoding::BASE64.encode(&[7; 32]))),
    );
    texts.extend(plan.entries.iter().map(|entry| match entry {
        Entry::Right => format!("v1,{right}"),
        Entry::RightForNumber => format!("v1,{}", data_encoding::BASE64.encode(&sign(&number))),
        Entry::Wrong(mac) => format!("v1,{}", data_encoding::BASE64.encode(mac)),
        Entry::RightUnpadded => format!("v1,{}", right.trim_end_matches('=')),
        Entry::RightInUrlAlphabet => format!("v1,{}", right.replace('+', "-").replace('/', "_")),
        Entry::RightWithTrailingBits => {
            let (text, _, _) = Secret {
                prefix: "v1,",
                key: sign(&time).to_vec(),
                unpadded: false,
                trailing_bits: true,
            }
            .write();
            text
        }
        Entry::RightInTwoPieces => {
            let mac = sign(&time);
            format!(
                "v1,{}{}",
                data_encoding::BASE64.encode(&mac[..2]),
                data_encoding::BASE64.encode(&mac[2..])
            )
        }
        Entry::RightCut(len) => format!("v1,{}", &right[..*len]),
        Entry::RightAs(name) => format!("{name}{right}"),
        Entry::Text(text) => text.clone(),
    }));
    let mut signature = texts.join(plan.between).into_bytes();
    if let Some((at, byte)) = &plan.changed
        && !signature.is_empty()
    {
        let at = at.index(signature.len());
        signature[at] = *byte;
    }

    let webhook = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let svix = ["svix-id", "svix-timestamp", "svix-signature"];
    let values = [plan.id.clone(), time.into_bytes(), signature];
    let mut headers = Vec::new();
    let families: &[[&'static str; 3]] = match plan.families {
        Families::Webhook | Families::OneHeaderOfTheOther => &[webhook],
        Families::Svix => &[svix],
        Families::Both => &[webhook, svix],
    };
    for names in families {
        for (number, (name, value)) in names.iter().zip(&values).enumerate() {
            if plan.missing != Some(number) {
                headers.push((*name, value.clone()));
            }
            if let Some((repeated, same)) = plan.repeated
                && repeated == number
            {
                headers.push((
                    *name,
                    if same {
                        value.clone()
                    } else {
                        b"another".to_vec()
                    },
                ));
            }
        }
    }
    if matches!(plan.families, Families::OneHeaderOfTheOther) {
        headers.push((svix[0], values[0].clone()));
    }
    Delivery {
        stripe: false,
        headers,
        body: plan.body,
        now,
        away,
        secret,
        key: plan.secret.key,
        unpadded_secret,
        trailing_bits,
    }
}

#[test]
fn standard_webhooks_are_judged_as_by_the_published_crates() {
    judge(plans(), false, build);
}
