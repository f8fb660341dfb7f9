//! The members of an object, brought into the order of their names.

use std::ops::Range;

use super::error::EventErrorKind as Kind;

/// Why a form ends early.
pub(super) enum Halt {
    Refused(Kind),
    /// Once there is more room, it is begun anew.
    NoRoom,
}

impl From<Kind> for Halt {
    fn from(kind: Kind) -> Self {
        Self::Refused(kind)
    }
}

/// Where the form of one member stands: it ends where the next one begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// The first bytes of the name, which tell most names apart; zeros where it is shorter.
    pub(super) head: u64,
    pub(super) start: usize,
}

/// How many members are sorted by one word each.
const FEW: usize = 32;
/// What takes less to copy than exactly as much as a member is long.
const STEP: usize = 64;

/// Sorts these members, which are the last thing that was written and end at `at`.
#[inline(always)]
pub(super) fn sort(members: &[Member], out: &mut [u8], at: usize) -> Result<(), Halt> {
    if members.is_sorted_by(|a, b| a.head < b.head) {
        return Ok(());
    }
    sort_mixed(members, out, at)
}

#[inline(never)]
fn sort_mixed(members: &[Member], out: &mut [u8], at: usize) -> Result<(), Halt> {
    let (done, room) = out.split_at_mut_checked(at).ok_or(Halt::NoRoom)?;
    let begin = members.first().map_or(at, |member| member.start);
    // Before any of the work, which would be done again.
    if room.len() < at.saturating_sub(begin) {
        return Err(Halt::NoRoom);
    }
    let mut few = [0_u64; FEW];
    match few.get_mut(..members.len()) {
        Some(few) => {
            for (place, (key, member)) in (0_u64..).zip(few.iter_mut().zip(members)) {
                *key = (member.head & !0xff) | place;
            }
            arrange(few, members, done, room)
        }
        None => {
            let keys = (0_u64..).zip(members);
            let mut many: Vec<_> = keys
                .map(|(place, member)| (u128::from(member.head) << 64) | u128::from(place))
                .collect();
            arrange(&mut many, members, done, room)
        }
    }
}

/// The head of a member, or most of it, and behind that its place.
trait Key: Copy + Ord {
    fn is_like(self, other: Self) -> bool;
    fn place(self) -> usize;
}

impl Key for u64 {
    fn is_like(self, other: Self) -> bool {
        (self ^ other) < 0x100
    }

    fn place(self) -> usize {
        usize::try_from(self & 0xff).unwrap_or(usize::MAX)
    }
}

impl Key for u128 {
    fn is_like(self, other: Self) -> bool {
        self >> 64 == other >> 64
    }

    fn place(self) -> usize {
        usize::try_from(self & u128::from(u64::MAX)).unwrap_or(usize::MAX)
    }
}

#[inline(always)]
fn arrange<K: Key>(
    keys: &mut [K],
    members: &[Member],
    done: &mut [u8],
    room: &mut [u8],
) -> Result<(), Halt> {
    let begin = members.first().map_or(done.len(), |member| member.start);
    keys.sort_unstable();
    let place = |key: K| {
        let from = members.get(key.place()).map(|member| member.start);
        let next = members.get(key.place().wrapping_add(1));
        let end = next.map_or(done.len(), |member| member.start);
        from.unwrap_or(end)..end
    };
    let form = |key: K| done.get(place(key)).unwrap_or_default();
    for alike in keys.chunk_by_mut(|a, b| a.is_like(*b)) {
        if alike.len() > 1 {
            alike.sort_unstable_by(|a, b| name(form(*a)).cmp(name(form(*b))));
            let twice = |pair: &[K]| matches!(pair, [a, b] if name(form(*a)) == name(form(*b)));
            if alike.windows(2).any(twice) {
                return Err(Kind::DuplicateMember.into());
            }
        }
    }
    let mut len = 0_usize;
    for key in keys {
        let Range { start, end } = place(*key);
        let exact = end.wrapping_sub(start);
        let step: Option<&[u8; STEP]> = done.get(start..).and_then(<[u8]>::first_chunk);
        let to = room.get_mut(len..).ok_or(Halt::NoRoom)?;
        match (step, to.first_chunk_mut()) {
            (Some(step), Some(to)) if exact <= STEP => *to = *step,
            _ => {
                let to = to.get_mut(..exact).ok_or(Halt::NoRoom)?;
                to.copy_from_slice(done.get(start..end).unwrap_or_default());
            }
        }
        len = len.wrapping_add(exact);
    }
    let (sorted, unsorted) = (room.get(..len), done.get_mut(begin..));
    if let (Some(sorted), Some(unsorted)) = (sorted, unsorted)
        && sorted.len() == unsorted.len()
    {
        unsorted.copy_from_slice(sorted);
    }
    Ok(())
}

/// The name that the form of a member begins with.
fn name(form: &[u8]) -> &[u8] {
    let name = match form {
        [len @ ..0x80, rest @ ..] => rest.get(..usize::from(*len)),
        [_, rest @ ..] => rest.split_first_chunk().and_then(|(len, rest)| {
            let len = usize::try_from(u64::from_be_bytes(*len)).ok()?;
            rest.get(..len)
        }),
        [] => None,
    };
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else many members would be sorted anew for each size of room that is tried.
    #[test]
    fn room_is_looked_for_before_anything_is_sorted() {
        let sorted = |room| {
            let mut out = b"\x01a\xee\x01a\xee".to_vec();
            let at = out.len();
            out.resize(at + room, 0);
            let head = u64::from(b'a') << 56;
            let members = [0, 3].map(|start| Member { head, start });
            sort(&members, &mut out, at)
        };
        assert!(matches!(sorted(5), Err(Halt::NoRoom)));
        let twice = sorted(6);
        assert!(matches!(twice, Err(Halt::Refused(Kind::DuplicateMember))));
    }
}
