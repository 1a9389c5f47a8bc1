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

    /// Adds texts that end at these bytes of `joined`, in order. Whether it has done so:
    /// not if the last is not its end or one cuts a character in two.
    pub(super) fn extend(&mut self, joined: &str, ends: &[u32]) -> bool {
        let is_whole = ends.last().map_or(0, |end| *end as usize) == joined.len();
        let is_cut = |end: &u32| joined.is_char_boundary(*end as usize);
        let fits = is_whole && (joined.is_ascii() || ends.iter().all(is_cut));
        let before = u32::try_from(self.joined.len()).expect("sections are far below 4 GiB");
        if fits {
            self.joined.push_str(joined);
            self.ends.extend(ends.iter().map(|end| before + end));
        }
        fits
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        (0..self.len()).map(|i| self.get(i))
    }

    pub(super) fn clear(&mut self) {
        self.joined.clear();
        self.ends.clear();
    }
}

/// Some events have one of these texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) names: Texts,
    /// 0 for none, else one more than the index into the names.
    pub(super) places: Vec<u32>,
}

impl Named {
    pub(super) fn get(&self, i: usize) -> Option<&str> {
        let place = self.places[i].checked_sub(1)?;
        Some(self.names.get(place as usize))
    }

    /// The next event has this text, and no other has the same one.
    pub(super) fn push(&mut self, text: Option<&str>) {
        let place = text.map_or(0, |text| {
            self.names.push(text);
            u32::try_from(self.names.len()).expect("a frame has few texts")
        });
        self.places.push(place);
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

/// Section C: what only some events have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) keys: Named,
    /// JSON objects.
    pub(super) fields: Named,
    /// One for each event, as far as one has any.
    pub(super) trace_ids: Vec<Option<u128>>,
    /// As `trace_ids`.
    pub(super) span_ids: Vec<Option<u64>>,
}

impl Details {
    /// Further events that have nothing of this.
    pub(super) fn push_none(&mut self, events: usize) {
        let count = self.keys.places.len() + events;
        self.keys.places.resize(count, 0);
        self.fields.places.resize(count, 0);
    }

    pub(super) fn trace_id(&self, i: usize) -> Option<u128> {
        self.trace_ids.get(i).copied().flatten()
    }

    pub(super) fn span_id(&self, i: usize) -> Option<u64> {
        self.span_ids.get(i).copied().flatten()
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.fields.clear();
        self.trace_ids.clear();
        self.span_ids.clear();
    }
}

/// Whether a column has more than one value.
pub(super) fn differ<T: PartialEq>(column: &[T]) -> bool {
    column.windows(2).any(|pair| pair[0] != pair[1])
}
