//! Times that are not the receiver's.

use std::time::Duration;

use tower_webhook::signature::diagnosis::Cause;

use super::cases::{request, right, standard, timed};
use super::{Case, NOW, SECRET};

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let hour = Duration::from_secs(3600);
    for sender in timed().into_iter().chain([standard(SECRET.as_bytes())]) {
        let right = || right(&sender);
        let long = hour * 48;
        let in_unit = |text: &str| request(&right().timestamp(text));
        let other = ["1777899600123", "1777899600"].into_iter().map(in_unit);
        let verifier = sender.verifier().unwrap();
        for refused in other.filter(|it| verifier.verify(it, it.body(), NOW).is_err()) {
            let made = "a time in milliseconds, or in seconds";
            all.push(Case::new(made, Cause::TimeUnit, &sender, refused));
        }
        for (made, cause, delivery) in [
            (
                "another time told by the kit",
                Cause::TimeChanged,
                right().timestamp_changed(),
            ),
            ("signed two days ago", Cause::Skew, right().aged(long)),
            ("signed two days ahead", Cause::Skew, right().ahead(long)),
        ] {
            all.push(Case::new(made, cause, &sender, request(&delivery)));
        }
    }
    all
}
