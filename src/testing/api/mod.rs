//! Stand-ins for senders' APIs: real HTTP on the loopback interface, with faults on request.

mod blendfi;
mod bloquo;
mod blox;
mod deliveries;
mod fault;
mod server;

pub use blendfi::BlendFiStandIn;
pub use bloquo::BloquoStandIn;
pub use blox::BloxStandIn;
pub use fault::ApiFault;
pub use server::ApiServer;
