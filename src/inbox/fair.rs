/// Of what is due by route, in the order of each, which are taken: from every route in turn, so that
/// a route with many keeps no other one waiting. The first is taken whatever its size.
pub(crate) fn fair<T>(
    routes: Vec<Vec<T>>,
    limit: usize,
    max_bytes: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<T> {
    let mut waiting: Vec<_> = routes.into_iter().map(Vec::into_iter).collect();
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

    #[test]
    fn every_route_has_its_turn() {
        let routes = || vec![vec![1, 2, 3, 4], vec![], vec![10], vec![20, 21]];
        let sized = |limit, bytes| fair(routes(), limit, bytes, |_| 1);
        assert_eq!(sized(9, 100), [1, 10, 20, 2, 21, 3, 4]);
        assert_eq!(sized(4, 100), [1, 10, 20, 2]);
        assert_eq!(sized(9, 2), [1, 10]);
        assert_eq!(sized(9, 0), [1], "one is always taken");
        assert!(sized(0, 100).is_empty());
    }
}
