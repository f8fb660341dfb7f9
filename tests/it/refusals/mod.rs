//! What is refused before a handler runs, byte by byte over real sockets.

mod bodies;
mod connections;
mod details;
mod events;
mod signatures;
mod targets;

use std::time::Duration;

use crate::support::http::Request;
use crate::support::presets::{Preset, answering_in};
use tower_webhook::{Allowlist, Provider};

const ALLOW: &[(&str, &str)] = &[("allow", "POST")];
const RETRY: &[(&str, &str)] = &[("retry-after", "5")];

/// An allowlist that this machine is not on.
fn elsewhere() -> Allowlist {
    Allowlist::parse(["192.0.2.1"]).unwrap()
}

/// A time to answer that leaves 400 ms.
fn in_a_hurry(provider: Provider) -> Provider {
    answering_in(Duration::from_millis(500), provider)
}

/// A delivery of BlendFi with another signature header.
fn signed(header: impl AsRef<[u8]>) -> Request {
    (Preset::BlendFi.delivery(1))
        .without("x-blendfi-signature")
        .header("x-blendfi-signature", header)
}

/// A right delivery of event 1 whose body is exactly so long.
fn delivery_of(preset: Preset, length: usize) -> Request {
    let pad = length - preset.body_with(1, "-").len() + 1;
    let body = preset.body_with(1, &"x".repeat(pad));
    assert_eq!(body.len(), length);
    preset.deliver(&body)
}
