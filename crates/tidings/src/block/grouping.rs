//! In which order do the texts of a frame stand? Grouped by type, rare types first.
//!
//! Events of a type say much the same, so next to each other they compress better. What
//! is asked for most often by its type is rare, and the texts of rare types stand in the
//! first group of a section, which is decompressed without the rest.

/// A frame of fewer events is left as it is: there is nothing to win.
const GROUPED_EVENTS_MIN: usize = 32;
/// Of so many events one is in the first part.
const HEAD_SHARE: usize = 8;

/// The events of a frame in the order in which their texts stand, by their index in the
/// frame: those whose type fewer have come first, then those whose type comes first.
/// Which index a type has in the header makes no difference, so merging keeps it.
pub(super) fn order_of(types: &[u32]) -> Vec<u32> {
    let kinds = types.iter().max().map_or(0, |max| *max as usize + 1);
    // Of each type: how many events, and which is the first.
    let mut groups = vec![(0_u32, 0_u32); kinds];
    for (event_type, i) in types.iter().zip(0..) {
        let group = &mut groups[*event_type as usize];
        group.1 = if group.0 == 0 { i } else { group.1 };
        group.0 += 1;
    }
    let mut ranked: Vec<usize> = (0..kinds).filter(|kind| groups[*kind].0 > 0).collect();
    ranked.sort_unstable_by_key(|kind| groups[*kind]);
    // From here on: where the next event of each type stands.
    let mut next = 0;
    for kind in ranked {
        let count = groups[kind].0;
        groups[kind].0 = next;
        next += count;
    }
    let mut order = vec![0; types.len()];
    for (event_type, i) in types.iter().zip(0..) {
        let place = &mut groups[*event_type as usize].0;
        order[*place as usize] = i;
        *place += 1;
    }
    order
}

/// How many events the first part of the texts has; 0 if they are not grouped.
pub(super) fn head_of(types: &[u32]) -> usize {
    if types.len() < GROUPED_EVENTS_MIN { 0 } else { types.len() / HEAD_SHARE }
}

/// Where each event stands in this order.
pub(super) fn places_in(order: &[u32]) -> Vec<u32> {
    let mut places = vec![0; order.len()];
    for (i, place) in order.iter().zip(0..) {
        places[*i as usize] = place;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_types_come_first_and_events_of_a_type_stay_in_order() {
        let types = [7, 3, 7, 9, 3, 7, 5];

        let order = order_of(&types);

        assert_eq!(order, [3, 6, 1, 4, 0, 2, 5]);
        assert_eq!(places_in(&order), [4, 2, 5, 0, 3, 6, 1]);
    }

    #[test]
    fn other_indices_of_the_same_types_change_nothing() {
        let types = [7, 3, 7, 9, 3, 7, 5];
        let renamed = types.map(|event_type| 100 - event_type);

        assert_eq!(order_of(&renamed), order_of(&types));
    }

    #[test]
    fn few_events_are_not_grouped() {
        assert_eq!([1, 31, 32, 512].map(|count| head_of(&vec![0; count])), [0, 0, 4, 64]);
    }
}
