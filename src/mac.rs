//! HMAC-SHA256 (RFC 2104) under a key that is prepared once, by the library that the build chooses:
//! `hmac` and `sha2`, or `ring` if its feature is on. Both give the same bytes.

#[cfg(feature = "ring")]
pub(crate) use by_ring::{MacKey, MacState};
#[cfg(not(feature = "ring"))]
pub(crate) use portable::{MacKey, MacState};

/// Wipes its states on drop.
#[cfg(any(not(feature = "ring"), test))]
mod portable {
    use std::fmt;

    use hmac::KeyInit;
    use hmac::block_api::HmacCore;
    use hmac::digest::block_api::{Buffer, FixedOutputCore, UpdateCore};
    use sha2::Sha256;

    use crate::encoding::MAC_LEN;

    /// The block-level half of `Hmac<Sha256>`. The buffering of the other half costs up to a third
    /// of a block, and a prepared key has nothing in the buffer to copy.
    type Core = HmacCore<Sha256>;

    /// A key whose blocks are hashed already.
    #[derive(Clone)]
    pub(crate) struct MacKey(Core);

    impl MacKey {
        /// The key of these bytes; `None` if HMAC does not take that many.
        pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
            Core::new_from_slice(bytes).ok().map(Self)
        }

        /// The MAC of these pieces in sequence. It is computed in place: a state that is stored for
        /// later is copied several times.
        #[inline]
        pub(crate) fn mac<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>) -> [u8; MAC_LEN] {
            let mut core = self.0.clone();
            let mut buffer = Buffer::<Core>::default();
            for piece in pieces {
                buffer.digest_blocks(piece, |blocks| core.update_blocks(blocks));
            }
            let mut mac = [0; MAC_LEN];
            core.finalize_fixed_core(&mut buffer, (&mut mac).into());
            mac
        }

        /// A MAC under this key, to be fed.
        #[inline]
        pub(crate) fn start(&self) -> MacState {
            MacState {
                core: self.0.clone(),
                buffer: Buffer::<Core>::default(),
            }
        }
    }

    /// A MAC on its way.
    #[derive(Clone)]
    pub(crate) struct MacState {
        core: Core,
        /// The bytes of an incomplete block.
        buffer: Buffer<Core>,
    }

    impl MacState {
        #[inline]
        pub(crate) fn update(&mut self, bytes: &[u8]) {
            let Self { core, buffer } = self;
            buffer.digest_blocks(bytes, |blocks| core.update_blocks(blocks));
        }

        /// Computes the MAC in place; the state is used up.
        #[inline]
        pub(crate) fn finish(&mut self) -> [u8; MAC_LEN] {
            let mut mac = [0; MAC_LEN];
            let Self { core, buffer } = self;
            core.finalize_fixed_core(buffer, (&mut mac).into());
            mac
        }
    }

    impl fmt::Debug for MacState {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("MacState([REDACTED])")
        }
    }
}

/// Faster if the processor has no instructions for SHA-256. It does not wipe its states.
#[cfg(feature = "ring")]
mod by_ring {
    use std::fmt;

    use ring::hmac::{Context, HMAC_SHA256, Key};

    use crate::encoding::MAC_LEN;

    /// A key whose blocks are hashed already.
    #[derive(Clone)]
    pub(crate) struct MacKey(Key);

    impl MacKey {
        /// The key of these bytes.
        #[allow(clippy::unnecessary_wraps)]
        pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
            Some(Self(Key::new(HMAC_SHA256, bytes)))
        }

        /// The MAC of these pieces in sequence. Unlike a stored state, its state need not be copied
        /// at the end.
        pub(crate) fn mac<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>) -> [u8; MAC_LEN] {
            let mut context = Context::with_key(&self.0);
            pieces.for_each(|piece| context.update(piece));
            tag(context)
        }

        /// A MAC under this key, to be fed.
        pub(crate) fn start(&self) -> MacState {
            MacState(Context::with_key(&self.0))
        }
    }

    /// A MAC on its way.
    #[derive(Clone)]
    pub(crate) struct MacState(Context);

    impl MacState {
        pub(crate) fn update(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        /// Computes the MAC; the state is used up.
        pub(crate) fn finish(&mut self) -> [u8; MAC_LEN] {
            tag(self.0.clone())
        }
    }

    #[inline]
    fn tag(context: Context) -> [u8; MAC_LEN] {
        let mut mac = [0; MAC_LEN];
        // Equal in length to the tag of this algorithm.
        mac.iter_mut()
            .zip(context.sign().as_ref())
            .for_each(|(to, from)| *to = *from);
        mac
    }

    impl fmt::Debug for MacState {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("MacState([REDACTED])")
        }
    }
}

#[cfg(test)]
#[cfg(feature = "ring")]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_libraries_give_the_same_mac(
            // Shorter and longer than a block of SHA-256.
            key in vec(any::<u8>(), 0..200),
            frames in vec(vec(any::<u8>(), 0..300), 0..5),
        ) {
            let portable = portable::MacKey::new(&key).unwrap();
            let by_ring = by_ring::MacKey::new(&key).unwrap();
            let pieces = || frames.iter().map(Vec::as_slice);
            let mac = portable.mac(pieces());
            prop_assert_eq!(mac, by_ring.mac(pieces()));
            let (mut portable, mut by_ring) = (portable.start(), by_ring.start());
            for frame in pieces() {
                portable.update(frame);
                by_ring.update(frame);
            }
            prop_assert_eq!(portable.clone().finish(), mac);
            prop_assert_eq!(by_ring.clone().finish(), mac);
            // Updating a copy does not affect the original.
            portable.update(&key);
            by_ring.update(&key);
            prop_assert_eq!(portable.finish(), by_ring.finish());
        }
    }
}
