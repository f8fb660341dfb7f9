//! Checks whether a guess with more correct leading bytes takes longer, which would let a stranger
//! find a signature or a secret path byte by byte. Run it with `cargo bench --bench timing`.
//!
//! Wrong signatures and wrong tokens that agree with the right one in their first bytes are checked
//! in random order, one at a time. Each class is compared with the class that agrees in none by
//! Welch's t, leaving out the slowest tenth of all samples. Below 4.5 in size, the difference of
//! two means is no larger than chance produces once in more than 100,000 times (the bound of
//! ISO/IEC 17825 and of dudect); beyond it, the exit status is not zero. The last row of a table
//! shows that a leak would be noticed: the same check, followed by a comparison that stops at the
//! first wrong byte. If even that does not show, the machine is too busy.
//!
//! This proves nothing about code that does not run here, other processors, or leaks far below a
//! nanosecond.

mod common;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use common::Result;
use common::measured::{self, Bound};
use http::{HeaderMap, HeaderValue};
use tower_webhook::signature::{Scheme, Verifier};
use tower_webhook::{Encoding, PathTokens, SigningSecret, UnixTime};

const SAMPLES: usize = 1_000_000;
const VARIANTS: usize = 128;
const LIMIT: f64 = 4.5;

fn main() -> Result<ExitCode> {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("skipped: run it with `cargo bench --bench timing`");
        return Ok(ExitCode::SUCCESS);
    }
    let verify = signatures()?;
    let path = tokens()?;
    Ok(if verify && path {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn signatures() -> Result<bool> {
    let body = [b'x'; 64];
    // printf 'x%.0s' $(seq 64) | openssl dgst -sha256 -hmac whsec_test_9f8e7d6c5b4a
    let right = "0bc1549f9581d63cc730aeea0385fa26599d5ebcf92a57c41939c44d6275b079";
    let scheme = Scheme::builder("s").single("", Encoding::Hex).build()?;
    let secret = SigningSecret::from_text("whsec_test_9f8e7d6c5b4a")?;
    let verifier = Verifier::new(scheme, secret);
    let now = UnixTime::EPOCH;
    let put = |headers: &mut HeaderMap, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert("s", value);
        }
    };
    let mut headers = HeaderMap::new();
    put(&mut headers, right);
    verifier.verify(&headers, &body, now)?;

    let classes = classes(right, [0, 1, 16, 31], 2);
    let check = |headers: &HeaderMap| verifier.verify(headers, &body, now).is_ok();
    let leak = |headers: &HeaderMap| {
        let value = headers
            .get("s")
            .map_or(b"".as_slice(), HeaderValue::as_bytes);
        check(headers) | early_exit(value, right)
    };
    Ok(Table {
        name: "`Verifier::verify`",
        classes: &classes,
        put,
    }
    .print(&check, &leak))
}

fn tokens() -> Result<bool> {
    let right = "3f9d1c0b7a5e48d26c90b1f4a7e35d82c6b0f19e4d7a2358";
    let tokens = PathTokens::parse([right])?;
    if !tokens.matches(right.as_bytes()) {
        return Err("the right token is refused".into());
    }
    let put = |buffer: &mut Vec<u8>, text: &str| {
        buffer.clear();
        buffer.extend_from_slice(text.as_bytes());
    };
    let classes = classes(right, [0, 1, 8, 24, 47], 1);
    let check = |guess: &Vec<u8>| tokens.matches(guess);
    let leak = |guess: &Vec<u8>| check(guess) | early_exit(guess, right);
    Ok(Table {
        name: "`PathTokens::matches`",
        classes: &classes,
        put,
    }
    .print(&check, &leak))
}

/// Wrong guesses, by how many leading bytes of `right` they share.
type Classes = Vec<(usize, Vec<String>)>;

fn classes<const N: usize>(right: &str, bytes: [usize; N], digits: usize) -> Classes {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    bytes
        .map(|bytes| {
            let guess = |_| random.guess(right, bytes.saturating_mul(digits));
            (bytes, (0..VARIANTS).map(guess).collect())
        })
        .into()
}

struct Table<'a, P> {
    name: &'a str,
    classes: &'a Classes,
    /// Copies a guess to the place where every other one is put, so that its address makes no
    /// difference.
    put: P,
}

impl<P> Table<'_, P> {
    /// Measures, prints, and returns whether all classes are within the limit and the leak is
    /// beyond it.
    fn print<T: Default>(&self, check: &dyn Fn(&T) -> bool, leak: &dyn Fn(&T) -> bool) -> bool
    where
        P: Fn(&mut T, &str),
    {
        let table = measured::Table::new("timing", self.name);
        let measured = self.measure(check);
        let mut fine = true;
        for ((bytes, _), summary) in self.classes.iter().zip(&measured) {
            let row = format!("right bytes: {bytes}");
            table.put(&row, "mean", "ns", summary.mean);
            if *bytes > 0 {
                let t = summary.welch(measured.first()).abs();
                fine &= table.require(&row, "size of t", "", t, Bound::AtMost(LIMIT));
            }
        }
        let leaking = self.measure(leak);
        let t = leaking
            .last()
            .map_or(0.0, |last| last.welch(leaking.first()));
        let seen = Bound::AtLeast(LIMIT);
        fine & table.require("with a leak", "size of t", "", t.abs(), seen)
    }

    fn measure<T: Default>(&self, check: &dyn Fn(&T) -> bool) -> Vec<Summary>
    where
        P: Fn(&mut T, &str),
    {
        let mut random = Random(0x1234_5678_9abc_def1);
        let mut times = vec![Vec::new(); self.classes.len()];
        let mut guess = T::default();
        for turn in 0..SAMPLES {
            let class = random.below(self.classes.len());
            let variant = random.below(VARIANTS);
            let text = (self.classes.get(class)).and_then(|(_, guesses)| guesses.get(variant));
            let (Some(text), Some(times)) = (text, times.get_mut(class)) else {
                continue;
            };
            (self.put)(&mut guess, text);
            let start = Instant::now();
            let accepted = black_box(check(black_box(&guess)));
            let nanos = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
            assert!(!accepted, "a wrong guess is accepted");
            // The first samples are a warm-up.
            if turn > SAMPLES / 20 {
                times.push(nanos);
            }
        }
        let mut all: Vec<_> = times.iter().flatten().copied().collect();
        all.sort_unstable();
        let longest = all.get(all.len() / 10 * 9).copied().unwrap_or(u32::MAX);
        times
            .iter()
            .map(|times| Summary::of(times.iter().filter(|nanos| **nanos <= longest)))
            .collect()
    }
}

struct Summary {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Summary {
    /// Welford's algorithm, which loses no digits.
    fn of<'a>(times: impl Iterator<Item = &'a u32>) -> Self {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for nanos in times {
            count += 1.0;
            let away = f64::from(*nanos) - mean;
            mean += away / count;
            squares += away * (f64::from(*nanos) - mean);
        }
        Self {
            count,
            mean,
            variance: squares / (count - 1.0),
        }
    }

    fn welch(&self, other: Option<&Self>) -> f64 {
        other.map_or(0.0, |other| {
            let error = self.variance / self.count + other.variance / other.count;
            (self.mean - other.mean) / error.sqrt()
        })
    }
}

/// A comparison that must not be used on secrets.
#[inline(never)]
fn early_exit(guess: &[u8], right: &str) -> bool {
    for (a, b) in guess.iter().zip(right.as_bytes()) {
        if black_box(a) != black_box(b) {
            return false;
        }
    }
    guess.len() == right.len()
}

/// xorshift64: the order of the classes only has to be free of patterns.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }

    /// The first characters of the right value, then a different one, then random ones.
    fn guess(&mut self, right: &str, same: usize) -> String {
        let alphabet = b"0123456789abcdef";
        right
            .bytes()
            .enumerate()
            .map(|(at, byte)| {
                let any = || alphabet.get(self.below(alphabet.len())).copied();
                let wrong = |other: &u8| at > same || *other != byte;
                if at < same {
                    return char::from(byte);
                }
                char::from(std::iter::from_fn(any).find(wrong).unwrap_or(byte))
            })
            .collect()
    }
}
