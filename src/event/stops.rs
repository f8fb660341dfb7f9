//! Finds where the strings of a text could end, in 64 bytes at once.

/// A bit for each byte of a block of 64 that is a quote, a backslash or a control character, or
/// lies beyond the text; without `UTF8` also for non-ASCII bytes.
#[inline(never)]
pub(super) fn stops<const UTF8: bool>(text: &[u8], block: usize) -> u64 {
    let (blocks, rest) = text.as_chunks();
    match blocks.get(block) {
        Some(block) => stops_in::<UTF8>(block),
        None if block == blocks.len() => stops_at_end::<UTF8>(rest),
        None => u64::MAX,
    }
}

#[cold]
#[inline(never)]
fn stops_at_end<const UTF8: bool>(rest: &[u8]) -> u64 {
    let mut block = [0; 64];
    (block.iter_mut().zip(rest)).for_each(|(to, from)| *to = *from);
    stops_in::<UTF8>(&block)
}

#[inline(always)]
fn stops_in<const UTF8: bool>(block: &[u8; 64]) -> u64 {
    // Each group of eight bytes uses another bit, so that all eight groups fit into one.
    let mut flags = [0; 64];
    for (place, (flag, byte)) in flags.iter_mut().zip(block).enumerate() {
        // As a signed number, a non-ASCII byte is less than zero.
        let is_low = if UTF8 {
            *byte < b' '
        } else {
            byte.cast_signed() < 32
        };
        let stops = (*byte == b'"') | (*byte == b'\\') | is_low;
        *flag = if stops { 1_u8 << (place / 8) } else { 0 };
    }
    let (eights, _) = flags.as_chunks();
    let mut stops = (eights.iter()).fold(0, |all, eight| all | u64::from_le_bytes(*eight));
    // Its bits are an eight-by-eight square, which is transposed: by ones, by twos, by fours
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
