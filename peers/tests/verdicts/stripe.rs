//! Stripe: one header of pairs, hex.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

use crate::delivery::{Delivery, mac};
use crate::tally::judge;

#[derive(Debug, Clone)]
enum Element {
    Right,
    RightInUpperCase,
    RightCut(usize),
    RightAs(&'static str),
    Wrong([u8; 32]),
    Text(String),
}

#[derive(Debug, Clone)]
struct Plan {
    before: &'static str,
    away: i64,
    behind: &'static str,
    elements: Vec<Element>,
    many: Option<usize>,
    long: Option<usize>,
    between: &'static str,
    /// Where the time stands, and whether it does so twice.
    time_at: prop::sample::Index,
    second_time: bool,
    no_time: bool,
    repeated: Option<bool>,
    changed: Option<(prop::sample::Index, u8)>,
    body: Vec<u8>,
    secret: String,
}

fn elements() -> impl Strategy<Value = Vec<Element>> {
    let one = prop_oneof![
        12 => Just(Element::Right),
        2 => Just(Element::RightInUpperCase),
        1 => (0_usize..64).prop_map(Element::RightCut),
        2 => prop::sample::select(vec!["v0=", "v2=", "v1a=", "V1=", " v1=", "v1 =", "v1", "=", "", "md5=", "v1=="]).prop_map(Element::RightAs),
        4 => any::<[u8; 32]>().prop_map(Element::Wrong),
        1 => "(v0|v1|v1a|x|)=[0-9a-fA-Fg]{0,66}".prop_map(Element::Text),
        1 => "[ -~]{0,10}".prop_map(Element::Text),
    ];
    prop_oneof![6 => vec(one.clone(), 1), 3 => vec(one, 0..5)]
}

fn plans() -> impl Strategy<Value = Plan> {
    let away = prop_oneof![20 => -300_i64..=300, 1 => prop_oneof![298_i64..=302, -302_i64..=-298], 1 => -1_000_000_i64..1_000_000];
    let time = (
        prop_oneof![30 => Just(""), 1 => prop::sample::select(vec!["+", "0", "00", "-", " "])],
        away,
        prop_oneof![40 => Just(""), 1 => prop::sample::select(vec![" ", ".0", "e0", "0000000000"])],
    );
    let shape = (
        weighted(0.03, 58_usize..70),
        weighted(0.03, 16_000_usize..17_000),
        prop_oneof![30 => Just(","), 1 => Just(", "), 1 => Just(",,"), 1 => Just(" ")],
        any::<prop::sample::Index>(),
        prop::bool::weighted(0.03),
        prop::bool::weighted(0.03),
        weighted(0.05, any::<bool>()),
        weighted(
            0.1,
            (
                any::<prop::sample::Index>(),
                prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff],
            ),
        ),
    );
    let secret = prop_oneof![20 => "whsec_[A-Za-z0-9]{24,32}", 1 => "[A-Za-z0-9]{8,14}"];
    let body = prop_oneof![4 => "[ -~]{0,100}".prop_map(String::into_bytes), 1 => vec(any::<u8>(), 0..200)];
    (time, elements(), shape, body, secret).prop_map(
        |((before, away, behind), elements, shape, body, secret)| {
            let (many, long, between, time_at, second_time, no_time, repeated, changed) = shape;
            Plan {
                before,
                away,
                behind,
                elements,
                many,
                long,
                between,
                time_at,
                second_time,
                no_time,
                repeated,
                changed,
                body,
                secret,
            }
        },
    )
}

fn build(plan: Plan, now: u64) -> Delivery {
    let key = plan.secret.clone().into_bytes();
    let time = format!(
        "{}{}{}",
        plan.before,
        now.saturating_add_signed(plan.away),
        plan.behind
    );
    let right = data_encoding::HEXLOWER.encode(&mac(&key, &[time.as_bytes(), b".", &plan.body]));
    let mut texts: Vec<String> = Vec::new();
    texts.extend(plan.long.map(|len| format!("v9={}", "x".repeat(len))));
    texts.extend((0..plan.many.unwrap_or(0)).map(|_| format!("v1={}", "07".repeat(32))));
    texts.extend(plan.elements.iter().map(|element| match element {
        Element::Right => format!("v1={right}"),
        Element::RightInUpperCase => format!("v1={}", right.to_uppercase()),
        Element::RightCut(len) => format!("v1={}", &right[..*len]),
        Element::RightAs(name) => format!("{name}{right}"),
        Element::Wrong(mac) => format!("v1={}", data_encoding::HEXLOWER.encode(mac)),
        Element::Text(text) => text.clone(),
    }));
    for wanted in [!plan.no_time, plan.second_time] {
        if wanted {
            texts.insert(plan.time_at.index(texts.len() + 1), format!("t={time}"));
        }
    }
    let mut value = texts.join(plan.between).into_bytes();
    if let Some((at, byte)) = &plan.changed
        && !value.is_empty()
    {
        let at = at.index(value.len());
        value[at] = *byte;
    }
    let mut headers = vec![("stripe-signature", value.clone())];
    if let Some(same) = plan.repeated {
        headers.push((
            "stripe-signature",
            if same { value } else { b"t=1,v1=00".to_vec() },
        ));
    }
    Delivery {
        stripe: true,
        headers,
        body: plan.body,
        now,
        away: plan.away,
        secret: plan.secret,
        key,
        ..Delivery::default()
    }
}

#[test]
fn stripe_is_judged_as_by_the_published_crate() {
    judge(plans(), true, build);
}
