//! Which words are in a block? All that a search for text looks at: messages, types,
//! members, sources, subjects, and the names and values of fields.

use std::ops::Range;

use super::builder::SegmentBuilder;
use super::json::hashes_of_fields;
use super::tokens::hashes;
use crate::block::{FormatError, Frame, Header, Sections};

/// Takes in events of one frame, `rows` counted within the frame.
/// What cannot be read is noted as that: any word may stand there. Says what is
/// damaged, for the caller's log.
pub(crate) fn gather(
    into: &mut SegmentBuilder,
    header: &Header,
    frame: Sections<'_>,
    rows: Range<usize>,
) -> Result<(), FormatError> {
    into.begin(u32::try_from(rows.len()).unwrap_or(u32::MAX));
    let done = frame.into_frame().and_then(|frame| words_of(into, header, &frame, rows));
    if done.is_err() {
        into.spoil();
    }
    done
}

fn words_of(
    into: &mut SegmentBuilder,
    header: &Header,
    frame: &Frame<'_>,
    rows: Range<usize>,
) -> Result<(), FormatError> {
    let (mut types, mut members) =
        (vec![false; header.types.len()], vec![false; header.members.len()]);
    for i in rows.clone() {
        types[frame.type_index(i)] = true;
        members[frame.member_index(i)] = true;
    }
    let mut add = |hash| into.add(hash);
    for (names, are_here) in [(&header.types, types), (&header.members, members)] {
        let here = names.iter().zip(are_here).filter(|(_, is_here)| *is_here);
        here.for_each(|(tagged, _)| hashes(&tagged.name, &mut add));
    }
    // Names of the whole frame: those of rows beyond are one word too many, not one
    // too few.
    frame.names().for_each(|name| hashes(name, &mut add));
    frame.read_messages_of(rows.clone())?;
    frame.read_details_of(rows.clone())?;
    for i in rows {
        hashes(frame.message(i)?, &mut add);
        if let Some(json) = frame.fields_json(i)? {
            hashes_of_fields(json, &mut add);
        }
    }
    Ok(())
}
