use std::borrow::Cow;
use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::authenticated::{AuthState, Coverage, Polled, Proved};
use crate::clock::UnixTime;
use crate::event::{
    EventKey, Fingerprint, Handling, Identity, ItemPlace, Order, OrderKey, Version,
};
use crate::path::ShownToken;
use crate::request_clock::ClockReadings;
use crate::signature::Verified;

/// The facts about a delivery, without its body, from its proof until a worker runs its event.
pub(crate) struct Envelope {
    pub(crate) auth: AuthState,
    pub(crate) identity: Identity,
    pub(crate) predates_retention: bool,
    pub(crate) received_at: UnixTime,
    /// The event's position in its delivery, if that held several, and the body around them.
    pub(crate) item: Option<(ItemPlace, Option<Bytes>)>,
    /// How the body is read, if it is a form.
    pub(crate) document: Option<Bytes>,
}

/// The stored JSON. A later version of this crate may add members: unknown ones are ignored, and
/// absent ones have no value.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    /// When the delivery was received, in microseconds.
    r: u64,
    /// How often its handler may run.
    #[serde(default, skip_serializing_if = "is_zero")]
    h: u8,
    /// The name of its shape.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    s: Option<Cow<'a, str>>,
    /// When the event happened, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<u64>,
    /// Whether that was before the retention began.
    #[serde(default, skip_serializing_if = "is_false")]
    o: bool,
    /// Its index in its delivery, and how many events the delivery held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<(usize, usize)>,
    /// The body around the list.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    e: Option<Cow<'a, str>>,
    /// How the body is read, if it is a form.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    d: Option<Cow<'a, str>>,
    /// Whether a secret path was shown.
    #[serde(default, skip_serializing_if = "is_false")]
    p: bool,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<IpAddr>,
    /// What the signature proves.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    v: Option<KeptSignature<'a>>,
    /// The facts that the user's own proof proves.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    c: Option<KeptProof<'a>>,
    /// Whether it was found by querying its sender, and no delivery brought it.
    #[serde(default, skip_serializing_if = "is_false")]
    l: bool,
    /// Its order, if it is not confirmed yet: its entry has none.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    q: Option<KeptOrder<'a>>,
}

#[derive(Serialize, Deserialize)]
struct KeptOrder<'a> {
    #[serde(borrow)]
    k: Cow<'a, str>,
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<i64>,
    /// Whether it holds back others when it is dead.
    #[serde(default, skip_serializing_if = "is_false")]
    b: bool,
}

#[derive(Serialize, Deserialize)]
struct KeptSignature<'a> {
    /// The names of the keys.
    #[serde(borrow)]
    k: Vec<Cow<'a, str>>,
    /// When it was signed, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<u64>,
    /// The id that is signed.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    i: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct KeptProof<'a> {
    /// How much the proof covers.
    r: u8,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    i: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    v: Option<KeptSignature<'a>>,
}

/// Never changed, because older entries must stay readable.
fn code(covers: Coverage) -> u8 {
    match covers {
        Coverage::Connection => 0,
        Coverage::Body => 1,
        Coverage::Request => 2,
        Coverage::Id => 3,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(so: &bool) -> bool {
    !so
}

impl Envelope {
    /// The envelope in its stored form. Encoding never fails; an empty envelope cannot be read.
    pub(crate) fn encode(
        auth: &AuthState,
        identity: &Identity,
        predates_retention: bool,
        received_at: UnixTime,
        item: Option<(ItemPlace, Option<&[u8]>)>,
        document: Option<&[u8]>,
        is_confirmed: bool,
    ) -> Bytes {
        let order = identity.order.as_deref().filter(|_| !is_confirmed);
        let custom = auth.custom.as_deref();
        let around = item.and_then(|(_, around)| std::str::from_utf8(around?).ok());
        let kept = Kept {
            r: received_at.as_micros(),
            h: match identity.handling {
                Handling::Once => 0,
                Handling::OncePerId => 1,
                Handling::TestId => 2,
                Handling::Answered => 3,
            },
            s: identity.shape.as_deref().map(Cow::Borrowed),
            t: identity.time.map(UnixTime::as_micros),
            o: predates_retention,
            d: document.map(String::from_utf8_lossy),
            n: item.map(|(place, _)| (place.index, place.count)),
            e: around.map(Cow::Borrowed),
            p: auth.secret_path.is_some(),
            a: auth.client,
            v: auth.signature.as_ref().map(KeptSignature::of),
            c: custom.map(|(covers, proved)| KeptProof {
                r: code(*covers),
                i: proved.proved_id().map(Cow::Borrowed),
                v: proved.verified().map(KeptSignature::of),
            }),
            l: auth.polled.is_some(),
            q: order.map(KeptOrder::of),
        };
        serde_json::to_vec(&kept).unwrap_or_default().into()
    }

    /// Reads it back for the event with this key and content; `None` if this version cannot read
    /// it.
    pub(crate) fn decode(envelope: &[u8], key: EventKey, fingerprint: Fingerprint) -> Option<Self> {
        let kept: Kept<'_> = serde_json::from_slice(envelope).ok()?;
        let provider = key.provider().clone();
        let mut auth = AuthState::none_yet(provider, ClockReadings::default());
        // Which token it was no longer matters.
        auth.secret_path = if kept.p { ShownToken::of(b"") } else { None };
        auth.client = kept.a;
        auth.signature = match kept.v {
            Some(signature) => Some(signature.verified()?),
            None => None,
        };
        auth.custom = match kept.c {
            Some(proof) => Some(Box::new(proof.proved()?)),
            None => None,
        };
        let polled = || Polled {
            id: None,
            is_confirmed: true,
        };
        auth.polled = kept.l.then(|| Box::new(polled()));
        let identity = Identity {
            key,
            fingerprint,
            time: kept.t.map(UnixTime::from_micros),
            shape: kept.s.map(|shape| Cow::Owned(shape.into_owned())),
            order: match kept.q {
                Some(order) => Some(Box::new(order.order()?)),
                None => None,
            },
            handling: match kept.h {
                0 => Handling::Once,
                1 => Handling::OncePerId,
                2 => Handling::TestId,
                _ => return None,
            },
        };
        let around = kept.e.map(|around| Bytes::from(around.into_owned()));
        Some(Self {
            auth,
            identity,
            predates_retention: kept.o,
            received_at: UnixTime::from_micros(kept.r),
            item: kept
                .n
                .map(|(index, count)| (ItemPlace::new(index, count), around)),
            document: kept.d.map(|document| Bytes::from(document.into_owned())),
        })
    }
}

impl<'a> KeptSignature<'a> {
    fn of(verified: &'a Verified) -> Self {
        let keys = verified.key_ids().iter();
        Self {
            k: keys.map(|id| Cow::Borrowed(id.as_str())).collect(),
            t: verified.signed_at().map(UnixTime::as_micros),
            i: verified.id().map(Cow::Borrowed),
        }
    }

    fn verified(&self) -> Option<Verified> {
        let keys = self.k.iter().map(|id| &**id);
        Verified::remembered(keys, self.t.map(UnixTime::from_micros), self.i.as_deref())
    }
}

impl<'a> KeptOrder<'a> {
    fn of(order: &'a Order) -> Self {
        Self {
            k: order.key.as_str().into(),
            n: order.version.map(Version::number),
            b: order.dead_hold_back,
        }
    }

    fn order(&self) -> Option<Order> {
        let mut order = Order::new(OrderKey::parse(&self.k)?, self.n.map(Version::new));
        order.dead_hold_back = self.b;
        Some(order)
    }
}

impl KeptProof<'_> {
    fn proved(&self) -> Option<(Coverage, Proved)> {
        let covers = match self.r {
            0 => Coverage::Connection,
            1 => Coverage::Body,
            2 => Coverage::Request,
            3 => Coverage::Id,
            _ => return None,
        };
        let mut proved = match &self.v {
            Some(signature) => Proved::from(signature.verified()?),
            None => Proved::new(),
        };
        if let Some(id) = &self.i {
            proved = proved.id(id.clone());
        }
        Some((covers, proved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authenticated::{Authenticated, Proof};
    use crate::event::Name;

    fn key() -> EventKey {
        EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap()
    }

    fn identity(handling: Handling) -> Identity {
        Identity {
            key: key(),
            fingerprint: Fingerprint::of(b"paid"),
            time: Some(UnixTime::from_secs(7)),
            shape: Some("invoice \"paid\"".into()),
            order: None,
            handling,
        }
    }

    #[test]
    fn what_was_proved_is_proved_behind_the_queue_too() {
        let mut auth = AuthState::none_yet(key().provider().clone(), ClockReadings::default());
        auth.secret_path = ShownToken::of(b"3f9d1c0b7a5e");
        auth.client = Some([192, 0, 2, 7].into());
        let at = UnixTime::from_secs(1_777_899_600);
        let signature = Verified::remembered(["old", "new"].into_iter(), Some(at), Some("msg_1"));
        auth.signature = signature.clone();
        auth.custom = Some(Box::new((Coverage::Body, Proved::new().id("own_1"))));

        let kept = Envelope::encode(
            &auth,
            &identity(Handling::OncePerId),
            true,
            at,
            Some((ItemPlace::new(2, 5), Some(br#"{"list":[]}"#))),
            Some(br#"{"id":"evt_1"}"#),
            true,
        );
        let read = Envelope::decode(&kept, key(), Fingerprint::of(b"paid")).unwrap();
        assert!(read.auth.polled.is_none());
        assert_eq!(read.identity, identity(Handling::OncePerId));
        assert_eq!((read.predates_retention, read.received_at), (true, at));
        let around = Bytes::from_static(br#"{"list":[]}"#);
        assert_eq!(read.item, Some((ItemPlace::new(2, 5), Some(around))));
        assert_eq!(read.document.as_deref(), Some(&br#"{"id":"evt_1"}"#[..]));
        assert_eq!(read.auth.signature, signature);
        assert_eq!(read.auth.proved_id(), Some("msg_1"));
        let mark = Authenticated::by(read.auth);
        for proof in [
            Proof::SecretPath,
            Proof::SourceAddress,
            Proof::Signature,
            Proof::Custom(Coverage::Body),
        ] {
            assert!(mark.proves(proof), "{proof:?}");
        }
        assert!(!mark.proves(Proof::Custom(Coverage::Request)));
        assert_eq!(mark.client(), auth.client);
    }

    #[test]
    fn what_was_not_proved_is_not_proved_behind_the_queue_either() {
        let auth = AuthState::none_yet(key().provider().clone(), ClockReadings::default());
        let kept = Envelope::encode(
            &auth,
            &identity(Handling::Once),
            false,
            UnixTime::EPOCH,
            None,
            None,
            true,
        );
        let read = Envelope::decode(&kept, key(), Fingerprint::of(b"paid")).unwrap();
        let mark = Authenticated::by(read.auth);
        for proof in [
            Proof::SecretPath,
            Proof::SourceAddress,
            Proof::Signature,
            Proof::Custom(Coverage::Connection),
        ] {
            assert!(!mark.proves(proof), "{proof:?}");
        }
    }

    #[test]
    fn what_is_not_confirmed_yet_keeps_its_order_for_later() {
        let auth = AuthState::none_yet(key().provider().clone(), ClockReadings::default());
        let mut order = Order::new(OrderKey::new(["1042"]).unwrap(), Some(Version::new(-3)));
        order.dead_hold_back = true;
        let identity = Identity {
            order: Some(Box::new(order.clone())),
            ..identity(Handling::Once)
        };
        for (is_confirmed, expected) in [(false, Some(Box::new(order))), (true, None)] {
            let at = UnixTime::EPOCH;
            let kept = Envelope::encode(&auth, &identity, false, at, None, None, is_confirmed);
            let read = Envelope::decode(&kept, key(), Fingerprint::of(b"paid")).unwrap();
            assert_eq!(read.identity.order, expected);
        }
    }

    #[test]
    fn what_was_polled_is_known_as_that_behind_the_queue_too() {
        let mut auth = AuthState::none_yet(key().provider().clone(), ClockReadings::default());
        auth.polled = Some(Box::new(Polled {
            id: Some("msg_1".into()),
            is_confirmed: false,
        }));
        let (identity, at) = (identity(Handling::Once), UnixTime::EPOCH);
        let kept = Envelope::encode(&auth, &identity, false, at, None, None, true);
        let read = Envelope::decode(&kept, key(), Fingerprint::of(b"paid")).unwrap();
        assert!(read.auth.polled.is_some());
        assert!(!Authenticated::by(read.auth).proves(Proof::Signature));
    }

    #[test]
    fn an_envelope_of_a_later_version_is_read_as_far_as_it_is_known() {
        let decode =
            |text: &str| Envelope::decode(text.as_bytes(), key(), Fingerprint::of(b"paid"));
        assert!(decode(r#"{"r":5,"zz":{"new":1}}"#).is_some());
        // From before the body around a list was stored.
        let item = decode(r#"{"r":5,"n":[0,2]}"#).unwrap().item;
        assert_eq!(item, Some((ItemPlace::new(0, 2), None)));
        for other in [
            "",
            "{}",
            "[]",
            r#"{"r":5,"h":3}"#,
            r#"{"r":5,"v":{"k":[]}}"#,
            r#"{"r":5,"c":{"r":9}}"#,
        ] {
            assert!(decode(other).is_none(), "{other}");
        }
    }
}
