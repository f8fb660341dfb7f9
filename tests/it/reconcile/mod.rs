//! Events that no delivery brought: found by asking stand-ins for the senders' APIs, over real HTTP.

mod faults;
mod forgeries;
mod limits;
mod lists;
mod open_checkouts;
mod secrets;
mod turns;
mod ways;

#[path = "../../../examples/reconcile/acme.rs"]
mod acme;
#[path = "../../../examples/reconcile/catch_up.rs"]
mod catch_up;
#[path = "../../../examples/reconcile/ledger.rs"]
#[allow(dead_code, reason = "the example prints more of it")]
mod ledger;
mod recovered;
