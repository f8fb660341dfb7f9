/// Chooses among the entries that are due, given by route and in each route's order: from every route in turn, so
/// that a route with many does not block others. The first is taken whatever its size.
///
/// `first` selects the non-empty route to begin with. It must differ each time: if one entry is
/// taken at a time, or no more fit in, only the first route has a turn.
pub(crate) fn fair<T>(
    routes: Vec<Vec<T>>,
    first: usize,
    limit: usize,
    max_bytes: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<T> {
    let waiting = routes.into_iter().filter(|route| !route.is_empty());
    let mut waiting: Vec<_> = waiting.map(Vec::into_iter).collect();
    let first = first.checked_rem(waiting.len()).unwrap_or(0);
    waiting.rotate_left(first);
    let (mut taken, mut bytes) = (Vec::new(), 0_usize);
    loop {
        let before = taken.len();
        for route in &mut waiting {
            let Some(next) = route.as_slice().first().filter(|_| taken.len() < limit) else {
                continue;
            };
            let with = bytes.saturating_add(size(next));
            if with > max_bytes && !taken.is_empty() {
                return taken;
            }
            bytes = with;
            taken.extend(route.next());
        }
        if taken.len() == before {
            return taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Vec<Vec<u8>> {
        vec![vec![1, 2, 3, 4], vec![], vec![10], vec![20, 21]]
    }

    #[test]
    fn every_route_has_its_turn() {
        let sized = |limit, bytes| fair(routes(), 0, limit, bytes, |_| 1);
        assert_eq!(sized(9, 100), [1, 10, 20, 2, 21, 3, 4]);
        assert_eq!(sized(4, 100), [1, 10, 20, 2]);
        assert_eq!(sized(9, 2), [1, 10]);
        assert_eq!(sized(9, 0), [1], "one is always taken");
        assert!(sized(0, 100).is_empty());
    }

    #[test]
    fn it_begins_with_another_route_each_time() {
        let of = |first, limit, bytes| fair(routes(), first, limit, bytes, |it| usize::from(*it));
        let firsts: Vec<_> = (0..4).map(|first| of(first, 1, 100)).collect();
        assert_eq!(
            firsts,
            [[1], [10], [20], [1]],
            "of those that have something"
        );
        assert_eq!(of(1, 9, 100), [10, 20, 1, 21, 2, 3, 4]);
        assert_eq!(of(usize::MAX, 2, 100).len(), 2);
        // An entry larger than all the room left has its turn too.
        assert_eq!(of(2, 9, 15), [20]);
        assert!(fair(vec![Vec::<u8>::new()], 3, 9, 9, |_| 1).is_empty());
    }
}
