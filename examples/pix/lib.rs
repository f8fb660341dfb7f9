//! A receiver of Pix from Efí and Inter, which sign nothing: each is identified by its client certificate
//! in the TLS handshake. It serves TLS itself, or runs behind nginx as configured in `nginx.conf`.

mod app;
mod server;
mod tls;

pub use app::{Paid, Reached, app};
pub use server::serve;
pub use tls::{Demand, server_config};
