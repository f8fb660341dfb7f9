//! Other senders' schemes, and headers that are not as they should be.

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use http::Request;
use tower_webhook::signature::diagnosis::Cause;

use super::Case;
use super::cases::{known, request, right, ten};

/// The only header of a signature, with another value.
/// Another spelling of a digest.
type Spelling = fn(&[u8]) -> String;

fn respelled(mut request: Request<Bytes>, spell: impl Fn(&[u8]) -> String) -> Request<Bytes> {
    let headers = request.headers_mut();
    let found = headers.iter().find_map(|(name, value)| {
        let text = value.to_str().unwrap();
        let at = text
            .rfind(|c: char| !c.is_ascii_hexdigit())
            .map_or(0, |at| at + 1);
        let bytes = HEXLOWER.decode(&text.as_bytes()[at..]).ok()?;
        (bytes.len() == 32).then(|| (name.clone(), format!("{}{}", &text[..at], spell(&bytes))))
    });
    let (name, value) = found.unwrap();
    headers.insert(name, value.parse().unwrap());
    request
}

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let receivers = ten();
    for (place, sender) in ten().into_iter().enumerate() {
        let receiver = &receivers[(place + 1) % receivers.len()];
        let request = request(&right(&sender));
        let made = "sent to the route of another sender";
        all.push(Case::new(made, Cause::OtherScheme, receiver, request));
    }
    let in_hex = ["linear", "zoom", "razorpay", "paddle"].map(known);
    for sender in ten().into_iter().take(4).chain(in_hex) {
        let spellings: [(&str, Spelling); 2] = [
            ("upper-case hex", |bytes| HEXUPPER.encode(bytes)),
            ("base64 in place of hex", |bytes| BASE64.encode(bytes)),
        ];
        for (made, spell) in spellings {
            let request = respelled(request(&right(&sender)), spell);
            all.push(Case::new(made, Cause::SignatureSpelling, &sender, request));
        }
    }
    for sender in ten().into_iter().take(6) {
        let delivery = right(&sender).signature_changed();
        let made = "one bit of the signature changed by the kit";
        all.push(Case::new(
            made,
            Cause::SignatureDamaged,
            &sender,
            request(&delivery),
        ));
    }
    for sender in ten() {
        let delivery = right(&sender).without_signature();
        let made = "no signature";
        all.push(Case::new(made, Cause::Header, &sender, request(&delivery)));
    }
    all
}
