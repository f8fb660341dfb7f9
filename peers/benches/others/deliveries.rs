//! The deliveries that are sent, signed as their senders do, by code that is none of ours.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::common::Result;
use crate::processes::Headers;

/// More of them than fit in a cache, each sent several times.
pub(crate) const DELIVERIES: u32 = 5_000;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Sender {
    Stripe,
    Svix,
    GitHub,
}

impl Sender {
    pub(crate) const ALL: [Self; 3] = [Self::Stripe, Self::Svix, Self::GitHub];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Stripe => "Stripe's signatures",
            Self::Svix => "Svix's signatures",
            Self::GitHub => "GitHub's signatures",
        }
    }

    pub(crate) fn secret(self) -> &'static str {
        match self {
            Self::Stripe => "whsec_test_9f8e7d6c5b4a",
            Self::Svix => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            Self::GitHub => "It's a Secret to Everybody",
        }
    }

    /// What nobody who receives has.
    fn other_secret(self) -> &'static str {
        match self {
            Self::Stripe => "whsec_test_another",
            Self::Svix => "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldA==",
            Self::GitHub => "another",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Stripe => "/stripe",
            Self::Svix => "/svix",
            // `webhook` has all of its own below `/hooks`.
            Self::GitHub => "/hooks/github",
        }
    }

    /// For an id, a time and the signature. Stripe and GitHub have no such header for the first two.
    pub(crate) fn headers(self) -> Headers {
        match self {
            Self::Stripe => ["x-id", "x-time", "stripe-signature"],
            Self::Svix => ["svix-id", "svix-timestamp", "svix-signature"],
            Self::GitHub => ["x-github-delivery", "x-time", "x-hub-signature-256"],
        }
    }

    /// Whether a delivery grows stale.
    pub(crate) fn signs_time(self) -> bool {
        !matches!(self, Self::GitHub)
    }

    fn sign(self, secret: &str, id: &str, time: u64, body: &str) -> Result<String> {
        let mac = |content: &str| -> Result<String> {
            let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
            let tag = mac.chain_update(content).finalize().into_bytes();
            Ok(HEXLOWER.encode(&tag))
        };
        Ok(match self {
            Self::Stripe => format!("t={time},v1={}", mac(&format!("{time}.{body}"))?),
            Self::Svix => {
                let webhook = standardwebhooks::Webhook::new(secret)?;
                webhook.sign(id, i64::try_from(time)?, body.as_bytes())?
            }
            Self::GitHub => format!("sha256={}", mac(body)?),
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) time: u64,
    pub(crate) signature: String,
    pub(crate) body: String,
}

impl Delivery {
    /// The delivery of this number, which sender signed so many seconds ago.
    pub(crate) fn new(sender: Sender, case: Case, number: u32, seconds_ago: u64) -> Result<Self> {
        let time = UNIX_EPOCH.elapsed()?.as_secs() - seconds_ago;
        let id = format!("evt_{number:010}");
        let body = body(&id, case.size);
        let secret = match case.right {
            true => sender.secret(),
            false => sender.other_secret(),
        };
        let signature = sender.sign(secret, &id, time, &body)?;
        Ok(Self {
            id,
            time,
            signature,
            body,
        })
    }
}

/// An event of exactly this size, most of it one text: what parses it has little to do.
fn body(id: &str, size: usize) -> String {
    let head = format!(
        r#"{{"id":"{id}","object":"event","type":"charge.succeeded","created":1777899600,"data":{{"object":{{"id":"ch_1","amount":1500,"note":""#
    );
    let tail = r#""}}}"#;
    let note = "n".repeat(size.saturating_sub(head.len() + tail.len()));
    format!("{head}{note}{tail}")
}

/// Which deliveries of a sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) size: usize,
    /// Whether they are signed with the secret of the receiver.
    pub(crate) right: bool,
}

impl Case {
    pub(crate) fn name(self) -> String {
        let size = match self.size {
            1024 => "1 KiB".to_owned(),
            size => format!("{size} B"),
        };
        match self.right {
            true => size,
            false => format!("{size}, wrong signature"),
        }
    }
}

/// Files of deliveries, and other things of a run; gone with the bench.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let memory = PathBuf::from("/dev/shm");
        let folder = Some(memory).filter(|folder| folder.is_dir());
        let folder = folder.unwrap_or_else(std::env::temp_dir);
        let folder = folder.join(format!("tower-webhook-others-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, sender: Sender, case: Case) -> PathBuf {
        self.0.join(format!("{sender:?}, {}", case.name()))
    }

    /// Writes the file of these deliveries, all signed now.
    pub(crate) fn write(&self, sender: Sender, case: Case) -> Result<()> {
        let mut text = String::new();
        for number in 0..DELIVERIES {
            let it = Delivery::new(sender, case, number, 0)?;
            text.push_str(&format!(
                "{}\t{}\t{}\t{}\n",
                it.id, it.time, it.signature, it.body
            ));
        }
        Ok(std::fs::write(self.file(sender, case), text)?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
