//! How long a delivery takes to verify: the bare MAC, published crates, and ours, on the same
//! message. Run it with `cargo bench --manifest-path peers/Cargo.toml`, with and without
//! `--features ring`; `-- --quick` takes few rounds.
//!
//! Times of different moments cannot be compared on a machine that does other work. So all
//! contenders run in turn in each of many short rounds, each round gives its own ratios, and the
//! medians of those are what the tables show. The times beside them are medians too.

#[path = "../../benches/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac as aws;
use common::Result;
use common::measured::{Bound, Table};
use common::medians::{Medians, median};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use ring::hmac as ring_hmac;
use sha2::Sha256;
use tower_webhook::provider::{self, standard_webhooks};
use tower_webhook::signature::Verifier;
use tower_webhook::{KeyRing, Name, SigningKey, UnixTime};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
/// How long one contender works in one round.
const TURN: Duration = Duration::from_micros(150);
const SIZES: [(usize, &str); 5] = [
    (256, "256 B"),
    (1 << 10, "1 KiB"),
    (4 << 10, "4 KiB"),
    (64 << 10, "64 KiB"),
    (1 << 20, "1 MiB"),
];

const OURS: &str = if cfg!(feature = "ring") {
    "ours (`ring`)"
} else {
    "ours (`hmac`, `sha2`)"
};
const RAW: [&str; 3] = [
    "MAC alone: `hmac`, `sha2`",
    "MAC alone: `ring`",
    "MAC alone: `aws-lc-rs`",
];
const PEERS: &[&str] = &[
    "`standardwebhooks`",
    "`webhook-verify`",
    #[cfg(feature = "svix")]
    "`svix`",
];
const WITH_CLOCK: &str = "ours, reading the clock";
const TWO_KEYS: &str = "ours, two active keys";
const EIGHT_KEYS: &str = "ours, eight active keys";

fn main() -> Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("skipped: run it with `cargo bench --manifest-path peers/Cargo.toml`");
        return Ok(());
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 31 } else { 301 };
    let mut columns = Vec::new();
    for (size, _) in SIZES {
        columns.push(measure(contenders(size)?, rounds));
    }
    times(&columns);
    ratios(&columns);
    caps(rounds)
}

type Contender = (&'static str, Box<dyn FnMut(u32) -> Duration>);

/// What is timed: a run of calls, none of which the compiler may leave out.
fn contender<T>(name: &'static str, mut call: impl FnMut() -> T + 'static) -> Contender {
    let run = move |times: u32| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(call());
        }
        start.elapsed()
    };
    (name, Box::new(run))
}

/// Nanoseconds of each contender in each round.
type Column = BTreeMap<&'static str, Vec<f64>>;

fn measure(mut contenders: Vec<Contender>, rounds: usize) -> Column {
    let calls: Vec<u32> = contenders
        .iter_mut()
        .map(|(_, run)| {
            run(3);
            let one = run(20).as_secs_f64() / 20.0;
            ((TURN.as_secs_f64() / one) as u32).max(1)
        })
        .collect();
    let mut column = Column::new();
    let number = contenders.len();
    for round in 0..rounds {
        for turn in 0..number {
            // Nobody is first more often than the others, nor always behind the same one.
            let at = if round % 2 == 0 {
                turn + round
            } else {
                round + number - turn
            } % number;
            let (name, run) = &mut contenders[at];
            let nanos = run(calls[at]).as_secs_f64() * 1e9 / f64::from(calls[at]);
            column.entry(name).or_default().push(nanos);
        }
    }
    column
}

/// Of the rounds' ratios.
fn ratio(column: &Column, over: &str, under: &str) -> Medians {
    Medians::of(
        column[under]
            .iter()
            .copied()
            .zip(column[over].iter().copied()),
    )
}

/// The message as a proxy hands it on, and the content that it signs.
fn delivery(size: usize, candidates: &str) -> Result<(HeaderMap, Vec<u8>, Vec<u8>)> {
    let body = vec![b'x'; size];
    let time = std::time::UNIX_EPOCH.elapsed()?.as_secs() as i64;
    let right = standardwebhooks::Webhook::new(SECRET)?.sign(ID, time, &body)?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "hooks.example.com"),
        (
            "user-agent",
            "Svix-Webhooks/1.75 (sender-9YMgn; +https://www.svix.com/http-sender/)",
        ),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("webhook-id", ID),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("content-length", size.into());
    headers.insert("webhook-timestamp", time.into());
    headers.insert("webhook-signature", format!("{candidates}{right}").parse()?);
    let content = [format!("{ID}.{time}.").as_bytes(), &body].concat();
    Ok((headers, body, content))
}

/// So many signatures that are well formed and wrong, each with a space behind it.
fn wrong(number: usize) -> String {
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= ".repeat(number)
}

/// Ours, with the right key last of so many.
fn verifier(keys: usize) -> Result<Verifier> {
    let secret = |text: String| standard_webhooks::secret_format().parse(&text);
    let mut all = Vec::new();
    for number in 1..keys {
        all.push(SigningKey::new(
            number.to_string(),
            secret(format!("whsec_b3RoZXJzZWNyZXRvdGhlcnNl{number:04}"))?,
        ));
    }
    all.push(SigningKey::new("right", secret(SECRET.to_owned())?));
    let provider = provider::standard_webhooks(Name::new("acme")?, KeyRing::new(all)?);
    Ok(provider.verifier().ok_or("it signs")?.clone())
}

fn contenders(size: usize) -> Result<Vec<Contender>> {
    let (headers, body, content) = delivery(size, "")?;
    let key = data_encoding::BASE64.decode(SECRET.trim_start_matches("whsec_").as_bytes())?;
    let mut all = Vec::new();

    let prepared = Hmac::<Sha256>::new_from_slice(&key)?;
    let signed = content.clone();
    all.push(contender(RAW[0], move || {
        let mut mac = prepared.clone();
        mac.update(black_box(&signed));
        mac.finalize().into_bytes()
    }));
    let prepared = ring_hmac::Key::new(ring_hmac::HMAC_SHA256, &key);
    let signed = content.clone();
    all.push(contender(RAW[1], move || {
        ring_hmac::sign(&prepared, black_box(&signed))
    }));
    let prepared = aws::Key::new(aws::HMAC_SHA256, &key);
    all.push(contender(RAW[2], move || {
        aws::sign(&prepared, black_box(&content))
    }));

    let (h, b, peer) = (
        headers.clone(),
        body.clone(),
        standardwebhooks::Webhook::new(SECRET)?,
    );
    peer.verify(&b, &h)?;
    all.push(contender(PEERS[0], move || {
        peer.verify(black_box(&b), black_box(&h)).is_ok()
    }));
    #[cfg(feature = "svix")]
    {
        let (h, b, peer) = (
            headers.clone(),
            body.clone(),
            svix::webhooks::Webhook::new(SECRET)?,
        );
        peer.verify(&b, &h)?;
        all.push(contender(PEERS[2], move || {
            peer.verify(black_box(&b), black_box(&h)).is_ok()
        }));
    }
    let (h, b, secret) = (
        headers.clone(),
        body.clone(),
        webhook_verify::Secret::new(SECRET),
    );
    let verify = move || {
        let provider = webhook_verify::Provider::StandardWebhooks;
        webhook_verify::verify(
            provider,
            black_box(&h),
            black_box(&b),
            &secret,
            Default::default(),
        )
    };
    verify()?;
    all.push(contender(PEERS[1], verify));

    for (name, keys) in [(OURS, 1), (TWO_KEYS, 2), (EIGHT_KEYS, 8)] {
        let (h, b, ours, now) = (
            headers.clone(),
            body.clone(),
            verifier(keys)?,
            UnixTime::now(),
        );
        ours.verify(&h, &b, now)?;
        all.push(contender(name, move || {
            ours.verify(black_box(&h), black_box(&b), now).is_ok()
        }));
    }
    let ours = verifier(1)?;
    all.push(contender(WITH_CLOCK, move || {
        ours.verify(black_box(&headers), black_box(&body), UnixTime::now())
            .is_ok()
    }));
    Ok(all)
}

fn times(columns: &[Column]) {
    let table = Table::new("peers", "One delivery");
    for name in RAW
        .iter()
        .chain(PEERS)
        .chain(&[OURS, WITH_CLOCK, TWO_KEYS, EIGHT_KEYS])
    {
        for ((_, size), column) in SIZES.iter().zip(columns) {
            table.put(name, size, "ns", median(column[name].clone()));
        }
    }
}

/// What is required of us: little beside the MAC alone, and a distance to the fastest of the others
/// where the MAC does not take nearly all of the time.
fn ratios(columns: &[Column]) {
    let table = Table::new("peers", "Ratios of one delivery");
    let backend = RAW[usize::from(cfg!(feature = "ring"))];
    let distances = if cfg!(feature = "ring") {
        [2.0, 2.0]
    } else {
        [1.4, 1.2]
    };
    for ((place, (bytes, size)), column) in SIZES.iter().enumerate().zip(columns) {
        let most = Bound::AtMost(if *bytes < 1 << 10 { 1.2 } else { 1.08 });
        let row = format!("{OURS} ÷ {backend}");
        table.require(&row, size, "", ratio(column, OURS, backend), most);
        for peer in PEERS {
            let row = format!("{peer} ÷ {WITH_CLOCK}");
            table.put(&row, size, "", ratio(column, peer, WITH_CLOCK));
        }
        let row = format!("the fastest of the others ÷ {WITH_CLOCK}");
        match distances.get(place) {
            Some(least) => {
                table.require(&row, size, "", fastest(column), Bound::AtLeast(*least));
            }
            None => table.put(&row, size, "", fastest(column)),
        }
    }
}

/// The one of the others that takes least time, in times of ours.
fn fastest(column: &Column) -> Medians {
    let peers = PEERS.iter().map(|peer| ratio(column, peer, WITH_CLOCK));
    peers
        .min_by(|one, other| one.ratio.total_cmp(&other.ratio))
        .expect("there are others")
}

/// What a stranger can make us do with the signature header alone.
fn caps(rounds: usize) -> Result<()> {
    let body = 1 << 20;
    let mut all = Vec::new();
    let one = "one signature";
    for (name, number, accepted) in [
        (one, 0, true),
        ("64 signatures, the last one right", 63, true),
        ("1,000 signatures, refused", 999, false),
        ("a header of 64 KB, refused", 1_338, false),
    ] {
        let (headers, body, _) = delivery(body, &wrong(number))?;
        let (ours, now) = (verifier(1)?, UnixTime::now());
        if ours.verify(&headers, &body, now).is_ok() != accepted {
            return Err(format!("{name}: accepted should be {accepted}").into());
        }
        all.push(contender(name, move || {
            ours.verify(black_box(&headers), black_box(&body), now)
                .is_ok()
        }));
    }
    let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
    let column = measure(all, rounds);
    let table = Table::new(
        "peers",
        "What the signature header alone can cost, body of 1 MiB",
    );
    for name in names {
        table.put(name, "time", "ns", median(column[name].clone()));
        if name != one {
            let times = ratio(&column, name, one);
            table.require(name, "of one signature", "", times, Bound::AtMost(1.1));
        }
    }
    Ok(())
}
