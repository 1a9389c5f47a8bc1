//! Which events of a frame may match?

/// Events of one frame, by their index there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    All,
    /// One bit each; beyond the last word there is none.
    Some(Vec<u64>),
}

impl Rows {
    pub(super) fn none() -> Rows {
        Rows::Some(Vec::new())
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Rows::Some(words) if words.iter().all(|word| *word == 0))
    }

    pub(super) fn has(&self, i: usize) -> bool {
        match self {
            Rows::All => true,
            Rows::Some(words) => words.get(i / 64).is_some_and(|word| word >> (i % 64) & 1 == 1),
        }
    }

    pub(super) fn add(&mut self, i: usize) {
        let Rows::Some(words) = self else { return };
        if words.len() <= i / 64 {
            words.resize(i / 64 + 1, 0);
        }
        words[i / 64] |= 1 << (i % 64);
    }

    /// Those that are among all of these; when there are none, the rest is not asked.
    pub(super) fn meeting(all: impl IntoIterator<Item = Rows>) -> Rows {
        let mut rows = Rows::All;
        for these in all {
            rows.meet(these);
            if rows.is_none() {
                break;
            }
        }
        rows
    }

    /// Those that are among any of these; when it is all, the rest is not asked.
    pub(super) fn joining(any: impl IntoIterator<Item = Rows>) -> Rows {
        let mut rows = Rows::none();
        for these in any {
            rows.join(these);
            if matches!(rows, Rows::All) {
                break;
            }
        }
        rows
    }

    /// Keeps those that are among the others too.
    pub(super) fn meet(&mut self, other: Rows) {
        match (self, other) {
            (_, Rows::All) => {}
            (this @ Rows::All, other) => *this = other,
            (Rows::Some(these), Rows::Some(others)) => {
                these.truncate(others.len());
                these.iter_mut().zip(others).for_each(|(this, that)| *this &= that);
            }
        }
    }

    /// Takes in the others.
    pub(super) fn join(&mut self, other: Rows) {
        match (self, other) {
            (Rows::All, _) => {}
            (this, Rows::All) => *this = Rows::All,
            (Rows::Some(these), Rows::Some(others)) => {
                if these.len() < others.len() {
                    these.resize(others.len(), 0);
                }
                these.iter_mut().zip(others).for_each(|(this, that)| *this |= that);
            }
        }
    }
}

impl FromIterator<usize> for Rows {
    fn from_iter<T: IntoIterator<Item = usize>>(indices: T) -> Rows {
        let mut rows = Rows::none();
        indices.into_iter().for_each(|i| rows.add(i));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_meet_and_join_whatever_their_ends() {
        let of = |indices: &[usize]| indices.iter().copied().collect::<Rows>();
        let cases = [
            (of(&[]), of(&[3, 400])),
            (of(&[3, 63, 64, 511]), of(&[0, 64, 511])),
            (of(&[900]), of(&[1])),
            (Rows::All, of(&[7])),
            (Rows::All, Rows::All),
        ];
        for (one, other) in cases {
            for (a, b) in [(&one, &other), (&other, &one)] {
                let (mut met, mut joined) = (a.clone(), a.clone());
                met.meet(b.clone());
                joined.join(b.clone());
                for i in 0..1000 {
                    assert_eq!(met.has(i), a.has(i) && b.has(i), "{i} of {a:?} {b:?}");
                    assert_eq!(joined.has(i), a.has(i) || b.has(i), "{i} of {a:?} {b:?}");
                }
            }
        }
        assert!(Rows::none().is_none() && Rows::Some(vec![0, 0]).is_none());
        assert!(!of(&[70]).is_none() && !Rows::All.is_none());
    }
}
