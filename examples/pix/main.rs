//! A receiver of Pix. Its settings are files and addresses in environment variables:
//!
//! ```sh
//! # The authorities that Efí and Inter publish for their webhooks; each sender is known by its own.
//! export EFI_AUTHORITY=efi.pem INTER_AUTHORITY=inter.pem
//!
//! # It ends TLS itself:
//! BIND=0.0.0.0:8443 TLS_CERTIFICATE=server.pem TLS_KEY=server.key cargo run --example pix
//!
//! # Or it stands behind nginx, set up by `nginx.conf` beside this file:
//! BIND=127.0.0.1:8080 TRUSTED_PROXIES=127.0.0.1 cargo run --example pix
//! ```

use std::error::Error;

use tokio::net::TcpListener;
use tower_webhook::certificate::{CertificateMatch, CertificateProof};
use tower_webhook::{SharedStore, SqliteStore, TrustedProxies};
use tower_webhook_pix::{Demand, Paid, Reached, app, serve, server_config};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let efi = std::fs::read(setting("EFI_AUTHORITY")?)?;
    let inter = std::fs::read(setting("INTER_AUTHORITY")?)?;
    let known = |authority: &[u8]| CertificateProof::of([CertificateMatch::issued_by(authority)?]);
    let (reached, tls) = match std::env::var("TRUSTED_PROXIES") {
        Ok(proxies) => {
            let proxies = TrustedProxies::parse(proxies.split(','))?;
            (Reached::Through(proxies), None)
        }
        Err(_) => {
            let certificate = std::fs::read(setting("TLS_CERTIFICATE")?)?;
            let key = std::fs::read(setting("TLS_KEY")?)?;
            let authorities = [efi.as_slice(), b"\n", &inter].concat();
            let tls = server_config(&certificate, &key, &authorities, Demand::InHandshake)?;
            (Reached::Directly, Some(tls))
        }
    };
    let store = SharedStore::new(SqliteStore::connect("pix.db").await?);
    let app = app(
        known(&efi)?,
        known(&inter)?,
        &reached,
        &store,
        Paid::default(),
    )?;
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8443".to_owned());
    let listener = TcpListener::bind(bind).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    serve(listener, tls, app).await;
    Ok(())
}

fn setting(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set"))
}
