//! Which words are where, if a bad disk wrote it?

use tidings::testing::words::{WordSegment, sealed};

/// Two bytes: the length of the head, little end first; the head; a part, the first.
/// As they are, and with checksums that fit.
pub(crate) fn segment(data: &[u8]) -> bool {
    let Some((length, rest)) = data.split_first_chunk() else { return false };
    let Some((head, part)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length))) else {
        return false;
    };
    if let Some(segment) = WordSegment::read(head, vec![part.to_vec()]) {
        // Our own seed, or checksums that were guessed.
        assert_within(&segment);
    }
    let (head, part) = sealed(head, part);
    let Some(segment) = WordSegment::read(&head, vec![part]) else { return false };
    assert_eq!(segment.bytes().0, segment.written_again(), "a head reads the same again");
    assert_within(&segment)
}

/// Whether the part could be read; nothing is found outside of what is covered.
fn assert_within(segment: &WordSegment) -> bool {
    let covered = segment.positions();
    for word in ["deploy", "disk", "db1", "a", "Größe"] {
        let runs = segment.runs_of(word).unwrap_or_default();
        let inside = |run: &(_, _)| covered.start <= run.0 && run.0 < run.1 && run.1 <= covered.end;
        assert!(runs.iter().all(inside), "{word} in {runs:?}");
        assert!(runs.is_sorted_by(|a, b| a.1 < b.0), "{word} in {runs:?}");
    }
    segment.is_whole()
}
