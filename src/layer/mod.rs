//! The layers, each of which stands alone on any Tower HTTP service.

mod arrival;
mod authenticated;
mod budget;
mod dedupe;
mod discard;
mod gated;
mod gates;
mod observer;
mod receive;
mod reception;
mod refusal;
mod resolver;
mod response_body;
mod secret_path;
mod source_ip;
mod verify;

pub use authenticated::{Authenticated, Proof};
pub use budget::Budget;
pub use dedupe::{
    Confirm, Confirmation, Dedupe, DedupeBuilder, DedupeLayer, Delivery, Drain, Lease, NeverAgain,
    Unconfirmed,
};
pub(crate) use dedupe::{Settings, SharedConfirm};
pub(crate) use gated::Guard;
pub use gated::{Gated, GatedFuture};
pub use gates::PeerAddr;
pub(crate) use gates::{Gates, PeerSource, SecretPathGate, SourceGate};
pub use observer::{
    Detail, Interest, MaskedHeaders, Observation, Observer, Timings, TracingObserver, Verdict,
};
pub use reception::Reception;
pub use response_body::ResponseBody;
pub use secret_path::RequireSecretPathLayer;
pub use source_ip::RequireSourceIpLayer;
pub use verify::VerifySignatureLayer;
