//! A receiver of Pix from Efí and Inter, which sign nothing: each is known by the certificate that it shows
//! in the TLS handshake. It serves TLS itself, or stands behind nginx as `nginx.conf` sets that up.

mod app;
mod server;
mod tls;

pub use app::{Paid, Reached, app};
pub use server::serve;
pub use tls::{Demand, server_config};
