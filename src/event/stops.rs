//! Where the strings of a text could end, found for all of it at once.

/// Where strings could end: a bit for each quote, backslash and control character of a text, and
/// for what follows it.
#[derive(Debug)]
pub(super) struct Stops {
    /// Those of a text of which they all fit in here.
    few: [u64; Self::FEW],
    many: Vec<u64>,
}

impl Stops {
    /// For less than 2 KiB: there is always a bit for what follows the text.
    const FEW: usize = 32;

    #[inline]
    pub(super) fn of(text: &[u8]) -> Self {
        let (blocks, rest) = text.as_chunks();
        let mut last = [0; 64];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let mut stops = Self {
            few: [0; Self::FEW],
            many: Vec::new(),
        };
        if let Some(end) = stops.few.get_mut(blocks.len()) {
            *end = stops_of(&last);
            for (to, block) in stops.few.iter_mut().zip(blocks) {
                *to = stops_of(block);
            }
        } else {
            stops.many.reserve_exact(blocks.len().saturating_add(1));
            stops.many.extend(blocks.iter().map(stops_of));
            stops.many.push(stops_of(&last));
        }
        stops
    }

    #[inline]
    pub(super) fn all(&self) -> &[u64] {
        if self.many.is_empty() {
            &self.few
        } else {
            &self.many
        }
    }
}

#[inline]
fn stops_of(block: &[u8; 64]) -> u64 {
    // For each eight bytes another bit, so that all eights fit into one.
    let mut flags = [0; 64];
    for (place, (flag, byte)) in flags.iter_mut().zip(block).enumerate() {
        let stops = (*byte == b'"') | (*byte == b'\\') | (*byte < b' ');
        *flag = if stops { 1_u8 << (place / 8) } else { 0 };
    }
    let (eights, _) = flags.as_chunks();
    let mut stops = (eights.iter()).fold(0, |all, eight| all | u64::from_le_bytes(*eight));
    // Its bits are a square of eight by eight, which is turned over: by ones, by twos, by fours
    // ("Hacker's Delight", 7-3).
    for (by, upper) in [
        (7, 0x00aa_00aa_00aa_00aa),
        (14, 0x0000_cccc_0000_cccc),
        (28, 0x0000_0000_f0f0_f0f0),
    ] {
        let swapped = (stops ^ (stops >> by)) & upper;
        stops ^= swapped ^ (swapped << by);
    }
    stops
}
