//! A signature and the name of its key, as members of a JSON object in base64.

use std::borrow::Cow;

use data_encoding::BASE64;

use crate::event::{Lookup, text_of};

/// The places of the two in the object.
#[derive(Debug, Clone)]
pub(in crate::signature) struct Envelope {
    signature: Cow<'static, str>,
    key_id: Cow<'static, str>,
    members: Lookup,
}

impl Envelope {
    /// The members at these pointers.
    pub(in crate::signature) fn new(
        [signature, key_id]: &[Cow<'static, str>; 2],
    ) -> Result<Self, String> {
        let members = Lookup::new([&**signature, &**key_id]).map_err(|error| error.to_string())?;
        Ok(Self {
            signature: signature.clone(),
            key_id: key_id.clone(),
            members,
        })
    }

    /// The texts of both; `None` if one is absent or occurs twice.
    pub(super) fn open(&self, text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let json = BASE64.decode(text).ok()?;
        let found = self.members.raw(&json).ok()?;
        let mut texts = found.into_iter().map(|raw| {
            let raw = raw?;
            Some(text_of(&raw)?.into_owned().into_bytes())
        });
        Some((texts.next()??, texts.next()??))
    }

    /// An envelope with these texts.
    pub(super) fn print(&self, signature: &str, key_id: &str) -> String {
        let name = |pointer: &Cow<'static, str>| pointer.trim_start_matches('/').to_owned();
        let members = [(&self.signature, signature), (&self.key_id, key_id)];
        let members = members.map(|(pointer, text)| (name(pointer), text.into()));
        let object = serde_json::Value::Object(members.into_iter().collect());
        BASE64.encode(object.to_string().as_bytes())
    }
}

impl PartialEq for Envelope {
    fn eq(&self, other: &Self) -> bool {
        self.signature == other.signature && self.key_id == other.key_id
    }
}

impl Eq for Envelope {}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(json: &str) -> Option<(String, String)> {
        let envelope = Envelope::new(&["/signature".into(), "/kid".into()]).unwrap();
        let (signature, key_id) = envelope.open(BASE64.encode(json.as_bytes()).as_bytes())?;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Some((text(signature), text(key_id)))
    }

    #[test]
    fn both_members_are_read() {
        // The header of eBay's SDK, `test/test.json`.
        let ebay = r#"{"alg":"ecdsa","kid":"9936261a","signature":"MEYC","digest":"SHA1"}"#;
        assert_eq!(opened(ebay), Some(("MEYC".into(), "9936261a".into())));
        let envelope = Envelope::new(&["/signature".into(), "/kid".into()]).unwrap();
        let printed = envelope.print("MEYC", "1");
        let opened = envelope.open(printed.as_bytes());
        assert_eq!(opened, Some((b"MEYC".to_vec(), b"1".to_vec())));
    }

    #[test]
    fn what_has_no_one_reading_is_none() {
        for json in [
            r#"{"kid":"1"}"#,
            r#"{"signature":"a"}"#,
            r#"{"kid":"1","signature":"a","signature":"b"}"#,
            r#"{"kid":null,"signature":"a"}"#,
            r#"{"kid":{},"signature":"a"}"#,
            r#"["kid","signature"]"#,
            r#"{"kid":"1","signature":"a""#,
            "",
        ] {
            assert_eq!(opened(json), None, "{json}");
        }
        let envelope = Envelope::new(&["/signature".into(), "/kid".into()]).unwrap();
        assert_eq!(
            envelope.open(br#"{"kid":"1","signature":"a"}"#),
            None,
            "no base64"
        );
    }
}
