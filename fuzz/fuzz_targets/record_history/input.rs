//! What the bytes of an input mean: whose turn it is, which key, which span.

use std::sync::LazyLock;
use std::time::Duration;

use tower_webhook::{EventKey, Name};

pub(crate) const KEYS: usize = 4;
/// Short ones end between two steps.
pub(crate) const SPANS: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_micros(1),
    Duration::from_millis(1),
    Duration::from_secs(1),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(3_600),
    Duration::from_secs(72 * 3_600),
    Duration::from_secs(30 * 24 * 3_600),
    Duration::MAX,
];
pub(crate) const COMMANDS: &[u8] = b"cudxrgnbf+-";

pub(crate) static PROVIDER: LazyLock<Name> = LazyLock::new(|| Name::new("acme").unwrap());
pub(crate) static NAMES: LazyLock<Vec<EventKey>> = LazyLock::new(|| {
    (0..KEYS)
        .map(|number| EventKey::new(PROVIDER.clone(), [number.to_string()]).unwrap())
        .collect()
});

/// A digit or letter by its place in the alphabet, any other byte by its value.
pub(crate) fn pick(byte: Option<&u8>, sides: usize) -> usize {
    let byte = byte.copied().unwrap_or(b'0');
    let number = match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'z' => byte - b'a',
        _ => byte,
    };
    usize::from(number) % sides
}
