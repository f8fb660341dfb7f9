use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;

use super::reply::ChallengeReply;
use crate::clock::UnixTime;
use crate::secret::{KeyRing, SigningKey, SigningSecret};

/// A longer text is not accepted as a secret.
const MAX_SECRET: usize = 256;

/// A handshake in which a sender brings the secret that it will sign with.
///
/// Nothing proves the sender, so a handshake is accepted only while the operator has
/// [opened](Self::open_until) it, once for each opening, and never if there is a key: the first
/// caller while it is open is taken as the sender. Open it only while your own call to the sender
/// runs. While it is closed, or there is a key, a handshake is refused.
///
/// It must pass the source address and secret path checks like any delivery. A webhook that demands
/// another proof in addition to the signature does not build with a handshake.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use tower_webhook::challenge::Handshake;
/// use tower_webhook::provider::asana;
/// use tower_webhook::{KeyRing, UnixTime};
///
/// let kept = Arc::new(Mutex::new(None));
/// let keep = {
///     let kept = Arc::clone(&kept);
///     move |secret: &str| {
///         *kept.lock().unwrap() = Some(secret.to_owned()); // Where the next start finds it.
///         Ok::<_, std::io::Error>(())
///     }
/// };
/// let handshake = Handshake::new(KeyRing::empty(), keep);
/// let asana = asana::by_handshake(handshake.clone());
/// // Then call Asana to create the webhook, which makes Asana send the handshake.
/// handshake.open_until(UnixTime::from_secs(UnixTime::now().as_secs() + 60));
/// # drop(asana);
/// ```
#[derive(Clone)]
pub struct Handshake {
    keys: KeyRing,
    keep: Arc<Keep>,
    open_until: Arc<Mutex<Option<UnixTime>>>,
}

type Keep = dyn Fn(&str) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync;

impl Handshake {
    /// Creates a closed handshake for these keys.
    ///
    /// `keep` gets the secret and must store it durably before it returns: an error refuses the
    /// handshake, and the sender may try again. It runs inside the request, so it must be quick. It
    /// must not use this handshake or its keys, which are locked until it returns.
    /// wait until it is over.
    pub fn new<E>(
        keys: KeyRing,
        keep: impl Fn(&str) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self {
            keys,
            keep: Arc::new(move |secret| keep(secret).map_err(Into::into)),
            open_until: Arc::default(),
        }
    }

    /// Accepts the next handshake before this moment.
    pub fn open_until(&self, end: UnixTime) {
        *self.window() = Some(end);
    }

    /// Accepts no handshake.
    pub fn close(&self) {
        *self.window() = None;
    }

    /// Whether it would be accepted now: it is open, and there is no key yet.
    pub fn is_open(&self, now: UnixTime) -> bool {
        is_open(*self.window(), now) && self.keys.snapshot().is_empty()
    }

    /// The keys, to which the secret is added.
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Option<UnixTime>> {
        self.open_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the secret if allowed; `None` on success, otherwise the refusal.
    pub(super) fn take(&self, secret: &str, now: UnixTime) -> Option<ChallengeReply> {
        let refused = |status| Some(ChallengeReply::empty(status));
        let plain = secret.bytes().all(|byte| byte.is_ascii_graphic());
        let key = match SigningSecret::from_text(secret) {
            Ok(parsed) if plain && secret.len() <= MAX_SECRET => SigningKey::new("1", parsed),
            _ => return refused(StatusCode::BAD_REQUEST),
        };
        // Held until the secret is stored: of two concurrent handshakes only one is accepted.
        let mut window = self.window();
        if !is_open(*window, now) {
            return refused(StatusCode::FORBIDDEN);
        }
        let keep = || catch_unwind(AssertUnwindSafe(|| (self.keep)(secret)));
        match self.keys.fill(key, || matches!(keep(), Ok(Ok(())))) {
            Some(true) => {
                *window = None;
                None
            }
            Some(false) => refused(StatusCode::SERVICE_UNAVAILABLE),
            None => refused(StatusCode::FORBIDDEN),
        }
    }
}

fn is_open(until: Option<UnixTime>, now: UnixTime) -> bool {
    until.is_some_and(|end| now < end)
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            keys,
            keep: _,
            open_until,
        } = self;
        f.debug_struct("Handshake")
            .field("keys", keys)
            .field("open_until", open_until)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);
    const SOON: UnixTime = UnixTime::from_secs(1_777_899_660);
    const SECRET: &str = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81";

    fn handshake(keys: KeyRing) -> (Handshake, Arc<Mutex<Vec<String>>>) {
        let kept: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let handshake = Handshake::new(keys, move |secret: &str| {
            keep.lock().unwrap().push(secret.to_owned());
            Ok::<_, std::io::Error>(())
        });
        (handshake, kept)
    }

    fn status(handshake: &Handshake, secret: &str) -> Option<u16> {
        let refused = handshake.take(secret, NOW);
        refused.map(|reply| reply.status().as_u16())
    }

    #[test]
    fn a_secret_is_taken_once_while_it_is_awaited() {
        let (handshake, kept) = handshake(KeyRing::empty());
        assert_eq!(status(&handshake, SECRET), Some(403), "never opened");
        handshake.open_until(NOW);
        assert_eq!(status(&handshake, SECRET), Some(403), "over");
        handshake.open_until(SOON);
        handshake.close();
        assert_eq!(status(&handshake, SECRET), Some(403), "closed again");
        assert!(kept.lock().unwrap().is_empty());

        handshake.open_until(SOON);
        assert!(handshake.is_open(NOW) && !handshake.is_open(SOON));
        assert_eq!(status(&handshake, SECRET), None);
        assert_eq!(*kept.lock().unwrap(), [SECRET]);
        assert_eq!(handshake.keys().ids(), ["1".into()]);
        // A later one is refused, however often it is opened.
        assert_eq!(status(&handshake, &SECRET.replace('b', "c")), Some(403));
        handshake.open_until(SOON);
        assert!(!handshake.is_open(NOW), "there is a key");
        assert_eq!(status(&handshake, &SECRET.replace('b', "c")), Some(403));
        assert_eq!(*kept.lock().unwrap(), [SECRET]);
    }

    #[test]
    fn a_key_that_is_there_is_never_replaced() {
        let own = SigningSecret::from_text("the operator's own secret").unwrap();
        let (handshake, kept) = handshake(KeyRing::from(own));
        handshake.open_until(SOON);
        assert_eq!(status(&handshake, SECRET), Some(403));
        assert!(kept.lock().unwrap().is_empty());
        // An expired key counts too.
        let own = SigningSecret::from_text("the operator's own secret").unwrap();
        let ended = SigningKey::new("old", own).expires_at(UnixTime::from_secs(1));
        handshake.keys().replace([ended]).unwrap();
        assert_eq!(status(&handshake, SECRET), Some(403));
    }

    #[test]
    fn what_is_not_kept_is_no_key() {
        let broken = Handshake::new(KeyRing::empty(), |_: &str| Err("the disk is full"));
        let panics = Handshake::new(KeyRing::empty(), |_: &str| -> Result<(), String> {
            panic!("a fault of the operator's")
        });
        for handshake in [broken, panics] {
            handshake.open_until(SOON);
            assert_eq!(status(&handshake, SECRET), Some(503));
            assert!(handshake.keys().ids().is_empty());
            assert!(handshake.is_open(NOW), "the sender may come again");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let (handshake, kept) = handshake(KeyRing::empty());
        handshake.open_until(SOON);
        for text in ["", "short", "with a blank in the middle", &"x".repeat(257)] {
            assert_eq!(status(&handshake, text), Some(400), "{text}");
        }
        assert!(kept.lock().unwrap().is_empty() && handshake.is_open(NOW));
    }

    #[test]
    fn of_many_at_once_one_is_taken() {
        let (handshake, kept) = handshake(KeyRing::empty());
        handshake.open_until(SOON);
        std::thread::scope(|scope| {
            for n in 0..8 {
                let handshake = handshake.clone();
                scope.spawn(move || {
                    status(
                        &handshake,
                        &format!("a secret-{n}-of-its-own").replace(' ', "-"),
                    )
                });
            }
        });
        assert_eq!(kept.lock().unwrap().len(), 1);
        let debug = format!("{handshake:?}");
        assert!(!debug.contains("of-its-own"), "{debug}");
    }
}
