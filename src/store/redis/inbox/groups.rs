use crate::store::error::StoreError;

/// The numbers of these items in groups that each go in one call: of one slot if a call must stay in
/// one slot, and limited in items and bytes. A larger item goes alone.
pub(super) fn in_groups<T>(
    items: &[T],
    group: impl Fn(&T) -> u32,
    most: usize,
    most_bytes: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<Vec<usize>> {
    let mut numbers: Vec<_> = items.iter().enumerate().collect();
    numbers.sort_by_key(|(_, item)| group(item));
    let (mut groups, mut last) = (Vec::<Vec<usize>>::new(), None);
    let mut bytes = 0_usize;
    for (number, item) in numbers {
        bytes = bytes.saturating_add(size(item));
        let open = (groups.last_mut())
            .filter(|it| last == Some(group(item)) && it.len() < most && bytes <= most_bytes);
        match open {
            Some(open) => open.push(number),
            None => {
                bytes = size(item);
                groups.push(vec![number]);
            }
        }
        last = Some(group(item));
    }
    groups
}

/// The successful answers, or an error if there are none: a cluster master that is down does not hide the
/// answers of the others.
pub(super) fn answered<T>(results: Vec<Result<T, StoreError>>) -> Result<Vec<T>, StoreError> {
    let (mut answers, mut failure) = (Vec::with_capacity(results.len()), None);
    for result in results {
        match result {
            Ok(answer) => answers.push(answer),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if answers.is_empty() => Err(error),
        Some(error) => {
            tracing::debug!(%error, "a part of the inbox does not answer");
            Ok(answers)
        }
        None => Ok(answers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_of_one_slot_and_no_larger_than_a_call_may_be() {
        let items = [(1, 10), (2, 10), (1, 10), (1, 95), (2, 10), (2, 10)];
        let of = |most, bytes| in_groups(&items, |it| it.0, most, bytes, |it| it.1);
        assert_eq!(of(9, 1_000), [vec![0, 2, 3], vec![1, 4, 5]]);
        assert_eq!(of(2, 1_000), [vec![0, 2], vec![3], vec![1, 4], vec![5]]);
        assert_eq!(of(9, 50), [vec![0, 2], vec![3], vec![1, 4, 5]]);
        let alone = in_groups(&items, |_| 0, 9, 0, |it| it.1);
        assert_eq!(alone.len(), items.len());
    }
}
