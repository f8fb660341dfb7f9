//! Shared by the benches: deliveries as BlendFi makes them, and the output of results.
#![allow(dead_code, reason = "each bench uses its share")]

pub(crate) mod measured;
pub(crate) mod medians;

use std::error::Error;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tower_webhook::{Provider, provider};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
pub(crate) const SIGNATURE: &str = "x-blendfi-signature";
pub(crate) const KIB: usize = 1024;

pub(crate) fn blendfi() -> Result<Provider> {
    Ok(provider::blendfi(provider::blendfi::keys([SECRET])?))
}

/// Signs like BlendFi.
pub(crate) struct Sender(Hmac<Sha256>);

impl Sender {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Hmac::new_from_slice(SECRET.as_bytes())?))
    }

    /// The value of the signature header for a body sent at this time.
    pub(crate) fn sign(&self, time: u64, body: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{time}.{body}").as_bytes());
        format!(
            "t={time},v1={}",
            HEXLOWER.encode(&mac.finalize().into_bytes())
        )
    }
}

/// A conversion event of exactly 1 KiB, with the members that BlendFi documents and enough notes to
/// fill it up.
pub(crate) fn event(id: &str) -> String {
    let head = format!(
        r#"{{"id":"{id}","type":"conversion.completed","created_at":"2026-05-04T13:00:00Z","api_version":"2026-05-01","data":{{"object":"conversion","id":"cnv_01HX4Y6Z7A8B9C0D1E2F3G4H5J","user_id":"usr_01HX4Y6Z7A8B9C0D1E2F3G4H5K","transaction_type":"pix_offramp","status":"completed","expected_source_amount":"100.50","received_source_amount":"100.50","fee_basis_points":35,"exchange_rate":5.4321,"deposit_address":"0x52908400098527886E0F7030069857D2E4169EE7","deposit_address_network":"polygon","deposit_window_expires_at":"2026-05-04T13:30:00Z","standby_reason":null,"sandbox":false,"metadata":{{"#
    );
    let tail = "}}}";
    let mut body = head;
    for note in 0.. {
        let name = format!(r#""note_{note:02}":"#);
        let left = KIB.saturating_sub(body.len() + tail.len() + name.len() + 2);
        let text = if left <= 60 { left } else { 32 };
        body.push_str(&name);
        body.push_str(&format!(r#""{}""#, "n".repeat(text)));
        if left <= 60 {
            break;
        }
        body.push(',');
    }
    body.push_str(tail);
    body
}
