//! What do headers not tell of members, and who counts it once for all?
//!
//! Headers count members over a whole block. A question that must know their minutes
//! or levels reads the events of a roll-up, and what it learns stays with the
//! roll-up: the next question of that kind reads nothing.

use super::QueryError;
use super::walk::Walk;
use crate::id::Position;
use crate::log::{Core, FRAMES_AT_ONCE, Kinds, Part, Passage, Rollup, Slot, minute_of};

impl Walk<'_> {
    /// The roll-up with its members counted minute by minute; `None` if all is known
    /// already, or its events cannot be read for that.
    pub(super) fn learned(&self, rollup: &Rollup) -> Result<Option<Rollup>, QueryError> {
        let Some(members) = rollup.members.as_ref().filter(|_| rollup.is_vague()) else {
            return Ok(None);
        };
        let mut lesson = Lesson { from: rollup.from, end: rollup.end, kinds: members.anew() };
        let mut learned = 0;
        for slot in self.slots_of(rollup) {
            if !self.meter.has_room()? {
                return Ok(None);
            }
            let Some(part) = self.core.part(&slot)? else { return Ok(None) };
            let Some(count) = lesson.read(self.core, &slot, &part)? else { return Ok(None) };
            self.meter.count(count);
            learned += count;
        }
        if learned as u64 != rollup.end.0 - rollup.from.0 {
            return Ok(None);
        }
        let learned = rollup.with_members(lesson.kinds);
        self.core.index.write().learn(learned.clone());
        Ok(Some(learned))
    }

    fn slots_of(&self, rollup: &Rollup) -> Vec<Slot> {
        let index = self.core.index.read();
        let first = index.slots().partition_point(|slot| slot.end() <= rollup.from);
        let within = index.slots()[first..].iter().take_while(|slot| slot.base < rollup.end);
        within.copied().collect()
    }
}

struct Lesson {
    from: Position,
    /// The position after the last.
    end: Position,
    kinds: Kinds,
}

impl Lesson {
    /// Counts the events of a block, and says how many they are. What is damaged is
    /// left for whoever shows the events to note.
    fn read(&mut self, core: &Core, slot: &Slot, part: &Part) -> Result<Option<usize>, QueryError> {
        let mut count = 0;
        let frames: Vec<usize> = part.frames().collect();
        for some in frames.chunks(FRAMES_AT_ONCE) {
            let positions = (part.positions(some[0]).0, part.positions(some[some.len() - 1]).1);
            let Some(passage) = core.passage(slot, part, positions)? else { return Ok(None) };
            let Some(counted) = self.count(&passage) else { return Ok(None) };
            count += counted;
        }
        Ok(Some(count))
    }

    fn count(&mut self, passage: &Passage) -> Option<usize> {
        let part = &passage.part;
        let members = part.header().members.iter();
        let places: Vec<u32> = members.map(|member| self.kinds.place_of(&member.name)).collect();
        let mut count = 0;
        for number in passage.frames() {
            let frame = passage.sections(number).into_frame().ok()?;
            let start = part.positions(number).0;
            for i in passage.rows(number) {
                let position = start.plus(i as u64);
                if position < self.from || position >= self.end {
                    continue;
                }
                let minute = minute_of(frame.listed(i))?;
                self.kinds.count(minute, places[frame.member_index(i)], frame.severity(i));
                count += 1;
            }
        }
        Some(count)
    }
}
