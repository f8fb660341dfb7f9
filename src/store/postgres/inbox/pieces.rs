//! How bodies are stored in their rows.

/// Postgres cuts a value that does not fit in a row into pieces of this many bytes: with pages of 8 KiB,
/// `TOAST_MAX_CHUNK_SIZE` of its source, `access/heaptoast.h`. Four of them fill a page.
const PIECE: usize = 1_996;
/// A last piece that is longer than this shares a page well with others.
const LONGEST_REST: usize = 1_000;

/// A body, or its whole pieces and the rest: small last pieces would leave a quarter of each page empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) body: Option<Vec<u8>>,
    pub(super) head: Option<Vec<u8>>,
    pub(super) rest: Option<Vec<u8>>,
}

impl Pieces {
    pub(super) fn of(mut body: Vec<u8>) -> Self {
        let left = body.len() % PIECE;
        if body.len() < PIECE || left == 0 || left > LONGEST_REST {
            return Self {
                body: Some(body),
                ..Self::default()
            };
        }
        let rest = body.split_off(body.len().saturating_sub(left));
        Self {
            body: None,
            head: Some(body),
            rest: Some(rest),
        }
    }
}

/// The expression that statements read as the body.
pub(super) const WHOLE: &str = "coalesce(body, head || rest)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_cut_where_a_small_piece_would_be_left() {
        for (length, cut) in [
            (0, None),
            (1_995, None),
            (1_996, None),
            (1_997, Some(1_996)),
            (2_996, Some(1_996)),
            (2_997, None),
            (3_992, None),
            (4_113, Some(3_992)),
            (65_536, None),
            (65_900, Some(65_868)),
        ] {
            let body: Vec<u8> = (0..length).map(|at: usize| at.to_be_bytes()[7]).collect();
            let Pieces {
                body: whole,
                head,
                rest,
            } = Pieces::of(body.clone());
            assert_eq!(head.as_ref().map(Vec::len), cut, "{length}");
            assert_eq!(whole.is_none(), cut.is_some());
            let all = [whole, head, rest].into_iter().flatten().flatten();
            assert_eq!(all.collect::<Vec<_>>(), body);
        }
    }
}
