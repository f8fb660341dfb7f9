//! Deliveries of schemes that sign more than headers, and so define a place for every part.

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::super::tamper::later;
use super::TestDelivery;
use super::draft::Draft;
use crate::error::ConfigError;
use crate::signature::{Outgoing, Said, Signer};

impl TestDelivery {
    /// Signs the draft, unless it is to be unsigned.
    pub(super) fn seal(
        &self,
        signer: &Signer,
        draft: &mut Draft,
        time: &str,
        id: &str,
    ) -> Result<(), ConfigError> {
        if self.tampers.unsigned {
            return Ok(());
        }
        if signer.signs_form() {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            draft.headers.insert(CONTENT_TYPE, form);
        }
        let told_time = match self.tampers.timestamp {
            true => later(time),
            false => time.to_owned(),
        };
        let key_id = signer.key_id.as_str();
        let told = Said {
            time: &told_time,
            id: self.tampers.header_id.as_deref().unwrap_or(id),
            key_id,
        };
        let mut out = Outgoing {
            method: self.method.clone(),
            uri: draft.uri.clone(),
            headers: std::mem::take(&mut draft.headers),
            body: draft.body.to_vec(),
        };
        let spoil = self.tampers.signature;
        signer.seal(&mut out, Said { time, id, key_id }, told, spoil)?;
        draft.uri = out.uri;
        draft.headers = out.headers;
        draft.body = out.body.into();
        Ok(())
    }
}
