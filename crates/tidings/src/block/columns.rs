//! What does a frame hold, column by column? The builder fills columns, the
//! decoder gives them back; how they look as bytes is `format`'s matter.

use crate::severity::Severity;

/// Texts one after the other in one allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    joined: String,
    ends: Vec<u32>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.joined.push_str(text);
        let end = u32::try_from(self.joined.len());
        self.ends.push(end.expect("a frame's texts are cut off long before 4 GiB"));
    }

    /// Cuts `joined` into texts of these lengths; `None` if they do not add up
    /// or cut a character in two.
    pub(super) fn cut(joined: String, lengths: &[u32]) -> Option<Texts> {
        let mut ends = Vec::with_capacity(lengths.len());
        let mut end = 0_u32;
        for length in lengths {
            end = end.checked_add(*length)?;
            if !joined.is_char_boundary(usize::try_from(end).ok()?) {
                return None;
            }
            ends.push(end);
        }
        let whole = usize::try_from(end).ok()? == joined.len();
        whole.then_some(Texts { joined, ends })
    }

    pub(super) fn get(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.joined[start as usize..self.ends[i] as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn joined(&self) -> &str {
        &self.joined
    }

    /// Which text has the byte that stands there in [`Texts::joined`], and where that
    /// text ends.
    pub(crate) fn holding(&self, byte: usize) -> Option<(usize, usize)> {
        let i = self.ends.partition_point(|end| *end as usize <= byte);
        Some((i, *self.ends.get(i)? as usize))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }

    pub(super) fn clear(&mut self) {
        self.joined.clear();
        self.ends.clear();
    }
}

/// Some events have a name of a small set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// The set.
    pub(super) names: Texts,
    /// 0 for none, else one more than the index into the names.
    pub(super) places: Vec<u32>,
}

impl Named {
    pub(super) fn get(&self, i: usize) -> Option<&str> {
        let place = self.places[i].checked_sub(1)?;
        Some(self.names.get(place as usize))
    }

    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.places.clear();
    }
}

/// Section A: all that a filter looks at first. Instants are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) runs: Vec<u32>,
    pub(super) seqs: Vec<u64>,
    pub(super) timestamps: Vec<i64>,
    pub(super) received: Vec<i64>,
    pub(super) added: Vec<i64>,
    pub(super) severities: Vec<Severity>,
    pub(super) types: Vec<u32>,
    pub(super) members: Vec<u32>,
    pub(super) sources: Named,
    pub(super) subjects: Named,
}

impl Numbers {
    pub(super) fn len(&self) -> usize {
        self.seqs.len()
    }

    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.seqs.clear();
        self.timestamps.clear();
        self.received.clear();
        self.added.clear();
        self.severities.clear();
        self.types.clear();
        self.members.clear();
        self.sources.clear();
        self.subjects.clear();
    }
}

/// What only few events have. `key` and `fields` are indices into the texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) key: Option<u32>,
    pub(super) fields: Option<u32>,
    pub(super) trace_id: Option<u128>,
    pub(super) span_id: Option<u64>,
}

/// Section C: one detail an event, and their texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) rows: Vec<Detail>,
    pub(super) keys: Texts,
    /// JSON objects.
    pub(super) fields: Texts,
}

impl Details {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.keys.clear();
        self.fields.clear();
    }
}

/// Whether a column has more than one value.
pub(super) fn differ<T: PartialEq>(column: &[T]) -> bool {
    column.windows(2).any(|pair| pair[0] != pair[1])
}
