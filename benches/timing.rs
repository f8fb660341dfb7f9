//! Whether a guess that is right for longer takes longer: what would let a stranger find a
//! signature or a secret path byte by byte. Run it with `cargo bench --bench timing`.
//!
//! Wrong signatures and wrong tokens that agree with the right one in their first bytes are checked
//! in random order, one at a time. Each class is compared with the one that agrees in none by
//! Welch's t, the tenth of all samples that took longest left out. Below 4.5 in size, the
//! difference of two means is no larger than what chance gives once in more than 100,000 times (the
//! bound of ISO/IEC 17825 and of dudect); beyond it, the exit status is not zero. The last row of a
//! table shows that a leak would be seen: the same check, followed by a comparison that ends at the
//! first wrong byte.
//!
//! It proves nothing about code that is not run here, other processors, or leaks far below a
//! nanosecond.

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use http::HeaderMap;
use tower_webhook::signature::{Scheme, Verifier};
use tower_webhook::{Encoding, PathTokens, SigningSecret, UnixTime};

const SAMPLES: usize = 400_000;
const VARIANTS: usize = 128;
const LIMIT: f64 = 4.5;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("skipped: run it with `cargo bench --bench timing`");
        return Ok(ExitCode::SUCCESS);
    }
    println!("|t| under {LIMIT}: no difference that chance does not explain.");
    let verify = signatures()?;
    let path = tokens()?;
    Ok(if verify && path {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn signatures() -> Result<bool, Box<dyn Error>> {
    let body = [b'x'; 64];
    // printf 'x%.0s' $(seq 64) | openssl dgst -sha256 -hmac whsec_test_9f8e7d6c5b4a
    let right = "0bc1549f9581d63cc730aeea0385fa26599d5ebcf92a57c41939c44d6275b079";
    let scheme = Scheme::builder("s").single("", Encoding::Hex).build()?;
    let secret = SigningSecret::from_text("whsec_test_9f8e7d6c5b4a")?;
    let verifier = Verifier::new(scheme, secret);
    let now = UnixTime::EPOCH;
    let headers = |text: &str| -> Result<HeaderMap, Box<dyn Error>> {
        Ok(HeaderMap::from_iter([("s".parse()?, text.parse()?)]))
    };
    verifier.verify(&headers(right)?, &body, now)?;

    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut classes = Vec::new();
    for bytes in [0, 1, 16, 31] {
        let guesses: Result<Vec<_>, Box<dyn Error>> = (0..VARIANTS)
            .map(|_| {
                let text = random.guess(right, bytes * 2, b"0123456789abcdef");
                Ok((headers(&text)?, text))
            })
            .collect();
        classes.push((bytes, guesses?));
    }
    let check = |(headers, _): &(HeaderMap, String)| {
        black_box(verifier.verify(black_box(headers), &body, now)).is_ok()
    };
    let leak = |guess: &(HeaderMap, String)| check(guess) | early_exit(&guess.1, right);
    Ok(table("Verifier::verify", &classes, check, leak))
}

fn tokens() -> Result<bool, Box<dyn Error>> {
    let right = "3f9d1c0b7a5e48d26c90b1f4a7e35d82c6b0f19e4d7a2358";
    let tokens = PathTokens::parse([right])?;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let classes: Vec<_> = [0, 1, 8, 24, 47]
        .map(|bytes| {
            let guess = |_| random.guess(right, bytes, b"0123456789abcdef");
            (bytes, (0..VARIANTS).map(guess).collect::<Vec<_>>())
        })
        .into();
    let check = |guess: &String| black_box(tokens.matches(black_box(guess).as_bytes()));
    let leak = |guess: &String| check(guess) | early_exit(guess, right);
    Ok(table("PathTokens::matches", &classes, check, leak))
}

/// Measures, prints, and tells whether all is within the limit and the leak beyond it.
fn table<T>(
    name: &str,
    classes: &[(usize, Vec<T>)],
    check: impl Fn(&T) -> bool,
    leak: impl Fn(&T) -> bool,
) -> bool {
    println!("\n{name}\n  right bytes      mean ns          t");
    let measured = measure(classes, check);
    let mut fine = true;
    for (class, summary) in classes.iter().zip(&measured) {
        let t = summary.welch(measured.first());
        fine &= t.abs() < LIMIT;
        println!("  {:11} {:12.1} {t:10.2}", class.0, summary.mean);
    }
    let leaking = measure(classes, leak);
    let t = leaking
        .last()
        .map_or(0.0, |last| last.welch(leaking.first()));
    println!("  with a leak              {t:12.2}");
    if !fine {
        println!("  BEYOND {LIMIT}: a longer right prefix shows");
    }
    if t.abs() < LIMIT {
        println!("  too coarse to see a leak: measure on a quieter machine");
    }
    fine && t.abs() >= LIMIT
}

fn measure<T>(classes: &[(usize, Vec<T>)], check: impl Fn(&T) -> bool) -> Vec<Summary> {
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut times = vec![Vec::new(); classes.len()];
    for turn in 0..SAMPLES {
        let class = random.below(classes.len());
        let guess = random.below(VARIANTS);
        let (Some((_, guesses)), Some(times)) = (classes.get(class), times.get_mut(class)) else {
            continue;
        };
        let Some(guess) = guesses.get(guess) else {
            continue;
        };
        let start = Instant::now();
        let accepted = check(guess);
        let nanos = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
        assert!(!accepted, "a wrong guess is accepted");
        // The first ones warm up.
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

struct Summary {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Summary {
    /// Welford's way, which loses no digits.
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

/// What must not be used on secrets.
#[inline(never)]
fn early_exit(guess: &str, right: &str) -> bool {
    for (a, b) in guess.bytes().zip(right.bytes()) {
        if black_box(a) != black_box(b) {
            return false;
        }
    }
    guess.len() == right.len()
}

/// xorshift64: which class comes next must not follow a pattern, nothing more.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }

    /// The first characters of what is right, then another one, then any.
    fn guess(&mut self, right: &str, same: usize, alphabet: &[u8]) -> String {
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
