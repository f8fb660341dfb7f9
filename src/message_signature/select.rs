//! The signatures of a message that count.

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, InnerList, ListEntry};

use super::base::{Asked, base};
use super::candidate::{Candidate, Told};
use super::digests;
use super::field::{combined, dictionary, one};
use super::identifier::{Identifier, Source};
use super::rules::MessageSignatures;
use super::unread::Unread;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
/// More labels, or components of one signature, would let strangers cause work.
const MAX_LABELS: usize = 16;
const MAX_COMPONENTS: usize = 64;
/// Each component reads its field or the query again: all components of a message together read at
/// most this much.
const MAX_READ: usize = 256 * 1024;
/// The longest signature of any algorithm: RSA of 8192 bits.
const MAX_SIGNATURE: usize = 1024;

impl MessageSignatures {
    /// The signatures in this head that count by these rules.
    pub(crate) fn candidates(&self, asked: Asked<'_>) -> Result<Vec<Candidate>, Unread> {
        let inputs = labelled(asked.headers, &SIGNATURE_INPUT)?;
        let signatures = labelled(asked.headers, &SIGNATURE)?;
        let mut refused = Unread::NotNamed;
        let mut found = Vec::new();
        let mut left = MAX_READ;
        for (label, input) in &inputs {
            if self
                .label
                .as_deref()
                .is_some_and(|ours| ours != label.as_str())
            {
                continue;
            }
            let ListEntry::InnerList(list) = input else {
                refused = Unread::Malformed;
                continue;
            };
            if let Some(tag) = &self.tag {
                let told = list.params.get("tag").and_then(BareItem::as_string);
                if told.is_none_or(|told| told.as_str() != tag) {
                    continue;
                }
            }
            let signature = signatures.get(label.as_str());
            match self.candidate(asked, list, input, signature, &mut left) {
                Ok(candidate) => found.push(candidate),
                Err(why) => refused = why,
            }
        }
        match found.is_empty() {
            true => Err(refused),
            false => Ok(found),
        }
    }

    fn candidate(
        &self,
        asked: Asked<'_>,
        list: &InnerList,
        input: &ListEntry,
        signature: Option<&ListEntry>,
        left: &mut usize,
    ) -> Result<Candidate, Unread> {
        let signature = match signature {
            Some(ListEntry::Item(item)) if item.params.is_empty() => {
                item.bare_item.as_byte_sequence()
            }
            _ => None,
        };
        let signature = signature.filter(|bytes| bytes.len() <= MAX_SIGNATURE);
        let signature = signature.ok_or(Unread::Malformed)?.to_vec();
        let told = Told::of(list)?;
        self.allows(&told)?;
        if list.items.len() > MAX_COMPONENTS {
            return Err(Unread::TooLong);
        }
        let mut covered = Vec::new();
        for (count, item) in list.items.iter().enumerate() {
            // Parameters have no order here.
            if list.items.iter().take(count).any(|other| other == item) {
                return Err(Unread::Malformed);
            }
            covered.push(Identifier::of(item)?);
        }
        let lacks = |wanted: &Identifier| !covered.iter().any(|it| it.satisfies(wanted));
        if self.demanded().iter().any(lacks) {
            return Err(Unread::NotCovered);
        }
        for identifier in &covered {
            *left = (left.checked_sub(work(asked, identifier))).ok_or(Unread::TooLong)?;
        }
        let mut digests = Vec::new();
        for identifier in covered.iter().filter(|it| it.is_digest()) {
            if let Source::Field(name, _) = &identifier.source {
                digests.extend(digests::read(asked.headers, name)?);
            }
        }
        Ok(Candidate {
            base: base(asked, self.target.as_ref(), &covered, &one(input))?,
            key_id: told.key_id,
            created: told.created,
            expires: told.expires,
            nonce: told.nonce,
            algorithm: told.algorithm,
            signature,
            digests,
        })
    }

    /// Checks that the parameters are as the rules demand.
    fn allows(&self, told: &Told) -> Result<(), Unread> {
        let allowed = |name: &String| self.algorithms.iter().any(|it| it.name() == name);
        if told.algorithm.as_ref().is_some_and(|name| !allowed(name)) {
            return Err(Unread::OtherAlgorithm);
        }
        let ends_first = told
            .created
            .zip(told.expires)
            .is_some_and(|(from, to)| to < from);
        if (self.created && told.created.is_none())
            || (self.expires && told.expires.is_none())
            || ends_first
        {
            return Err(Unread::BadTime);
        }
        match (self.nonce && told.nonce.is_none()) || (self.key_id && told.key_id.is_none()) {
            true => Err(Unread::NotThere),
            false => Ok(()),
        }
    }
}

/// The number of bytes that are read for the value of this component.
fn work(asked: Asked<'_>, identifier: &Identifier) -> usize {
    match &identifier.source {
        Source::Field(name, _) => (asked.headers.get_all(name).iter())
            .fold(0_usize, |sum, line| sum.saturating_add(line.len())),
        Source::QueryParam(_) => asked.uri.query().map_or(0, str::len),
        _ => 0,
    }
}

/// The members of one of the two headers.
fn labelled(headers: &HeaderMap, name: &HeaderName) -> Result<Dictionary, Unread> {
    let text = combined(headers, name)?.ok_or(Unread::NoHeader)?;
    let members = dictionary(&text)?;
    match members.len() > MAX_LABELS {
        true => Err(Unread::TooMany),
        false => Ok(members),
    }
}
