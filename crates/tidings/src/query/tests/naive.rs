//! The reference: what an answer should be, written so plainly that it is right.

use super::*;

const WORDS: [&str; 11] = [
    "disk",
    "full",
    "Deploy",
    "rolled",
    "out",
    "db1",
    "error",
    "91%",
    "404",
    "deadbeef07",
    "123e4567-e89b-12d3-a456-426614174000",
];
/// What few events have, so that an index of words tells where they are not.
const SELDOM: [&str; 4] = ["zinc", "cobalt", "Argon", "disk-0017"];
const TYPES: [&str; 5] = ["deploy.api", "deploy.web", "error", "disk.high", "tick"];
const MEMBERS: [&str; 4] = ["db1", "db2", "web", "Web"];

/// A random event: late, in the future, or of now.
fn event(dice: &mut fastrand::Rng, now: Timestamp) -> Event {
    let mut words: Vec<&str> = (0..dice.usize(0..5)).map(|_| pick(dice, &WORDS)).collect();
    if dice.u8(0..80) == 0 {
        words.push(pick(dice, &SELDOM));
    }
    let mut event = Event::new(pick(dice, &TYPES), words.join(" "))
        .with_member(pick(dice, &MEMBERS))
        .with_severity(Severity::from_number(dice.u64(1..=24)).unwrap());
    match dice.u8(0..6) {
        0 => event = event.with_timestamp(now.before(SECOND * dice.u32(0..7200))),
        1 => event = event.with_timestamp(now.after(HOUR * dice.u32(0..100))),
        2 => event = event.with_timestamp(start()),
        _ => {}
    }
    if dice.bool() {
        event = event.with_source(pick(dice, &["cron", "kernel"]));
    }
    if dice.bool() {
        event = event.with_subject(pick(dice, &["api", "sda"]));
    }
    if dice.bool() {
        event = event.with_field("version", dice.u8(0..3)).with_field("note", pick(dice, &WORDS));
    }
    if dice.u8(0..4) == 0 {
        event = event.with_fields(asked::fields(dice));
    }
    if dice.u8(0..8) == 0 {
        event = event
            .with_key(format!("{} {}", pick(dice, &WORDS), dice.u64(..)))
            .with_trace_id(7)
            .with_span_id(9);
    }
    event
}

pub(super) fn pick<T: Copy>(dice: &mut fastrand::Rng, of: &[T]) -> T {
    of[dice.usize(..of.len())]
}

/// A log of random blocks of random events, its clock, and all that can be read.
pub(super) struct World {
    store: Arc<odd::Odd>,
    pub(super) log: Log,
    pub(super) all: Vec<StoredEvent>,
    pub(super) options: LogOptions,
    /// Not all can be read.
    is_damaged: bool,
}

impl World {
    pub(super) fn random(dice: &mut fastrand::Rng) -> World {
        World::grown(dice, LogOptions { retention: HOUR * 3, ..options() }, |_| {})
    }

    /// As [`World::random`], of a log that expires old blocks as it grows.
    pub(super) fn shortened(dice: &mut fastrand::Rng) -> World {
        let retention_bytes = pick(dice, &[u64::MAX, 2000, 50_000]);
        let options = LogOptions { retention: HOUR * 3, retention_bytes, ..options() };
        World::grown(dice, options, |log| log.maintain().unwrap())
    }

    fn grown(dice: &mut fastrand::Rng, options: LogOptions, maintain: impl Fn(&Log)) -> World {
        let store = odd::Odd::new();
        let mut log = store.log(&options);
        for number in 0..dice.u64(1..16) {
            let now = options.clock.now();
            let largest = pick(dice, &[1, 3, 3, 40, 600]);
            let events: Vec<Event> =
                (0..dice.usize(1..=largest)).map(|_| event(dice, now)).collect();
            if dice.u8(0..4) == 0 {
                put(&log, dice, number, now, events);
            } else {
                append(&log, events);
            }
            options.clock.advance(SECOND * dice.u32(0..900));
            match dice.u8(0..10) {
                0 => {
                    drop(log);
                    log = store.log(&options);
                }
                1 => maintain(&log),
                2..5 => {
                    let from = Position(dice.u64(0..=log.core().index.read().next().0));
                    log.merge_neighbours(from, dice.usize(2..9)).unwrap();
                }
                5 => log.core().index_all_words(),
                _ => {}
            }
        }
        let mut world = World { store, log, all: Vec::new(), options, is_damaged: false };
        world.all = world.read_everything();
        world
    }

    /// One of these three.
    pub(super) fn any(dice: &mut fastrand::Rng) -> World {
        match dice.u8(0..4) {
            0 => World::damaged(dice),
            1 => World::shortened(dice),
            _ => World::random(dice),
        }
    }

    /// As [`World::random`], and the log has met damage in some of its blocks.
    pub(super) fn damaged(dice: &mut fastrand::Rng) -> World {
        let mut world = World::random(dice);
        world.is_damaged = true;
        for head in world.log.core().store.heads(Position(0), 1000).unwrap() {
            let from = match dice.u8(0..6) {
                0 => {
                    world.store.damage(head.base.0);
                    0
                }
                1 => world.store.damage_last_frame(head.base.0),
                _ => continue,
            };
            world.log.core().cache.lock().remove(&[head.base]);
            let lost = head.base.plus(from)..head.base.plus(head.count);
            world.all.retain(|stored| !lost.contains(&stored.position));
        }
        ask(&world.log, &Query { limit: usize::MAX, ..Query::default() });
        world
    }

    /// Time goes on and events go over age, blocks are merged, words are put into their
    /// index, others come, or the log is opened again. Of a damaged one nothing comes
    /// back, and nobody is told anew.
    pub(super) fn go_on(&mut self, dice: &mut fastrand::Rng) {
        match dice.u8(0..7) {
            0 => self.options.clock.advance(SECOND * dice.u32(0..4000)),
            1 => {
                self.options.clock.advance(SECOND * dice.u32(0..4000));
                self.log.maintain().unwrap();
                self.look_again();
            }
            2 => self.merge(dice),
            3 => self.reopen(),
            4 => self.append(dice, 5),
            5 => {
                self.work_behind(dice);
                self.look_again();
            }
            _ => {}
        }
    }

    fn look_again(&mut self) {
        if !self.is_damaged {
            self.all = self.read_everything();
        }
    }

    /// Makes one block of some neighbours.
    pub(super) fn merge(&self, dice: &mut fastrand::Rng) {
        let from = Position(dice.u64(0..=self.log.core().index.read().next().0));
        self.log.merge_neighbours(from, dice.usize(2..9)).unwrap();
    }

    /// Something that a log does behind everybody's back: it merges some neighbours, or
    /// what its own rules say; puts words into their index; lets go of what is over age.
    pub(super) fn work_behind(&self, dice: &mut fastrand::Rng) {
        match dice.u8(0..6) {
            0..2 => self.merge(dice),
            2 => drop(self.log.merge_step().unwrap()),
            3 => drop(self.log.core().index_eagerly().unwrap()),
            4 => self.log.core().index_all_words(),
            _ => self.log.maintain().unwrap(),
        }
    }

    /// Nothing is known any more but what is stored, and the end of a boot has come.
    pub(super) fn reopen(&mut self) {
        if !self.is_damaged {
            // The one before ends first.
            self.log = empty_log();
            self.log = self.store.log(&self.options);
            self.all = self.read_everything();
        }
    }

    /// Up to so many blocks come, of few events each.
    pub(super) fn append(&mut self, dice: &mut fastrand::Rng, blocks_max: usize) {
        if !self.is_damaged {
            for _ in 0..dice.usize(1..=blocks_max) {
                let now = self.options.clock.now();
                append(&self.log, (0..dice.usize(1..4)).map(|_| event(dice, now)).collect());
                self.options.clock.advance(SECOND * dice.u32(0..5));
            }
            self.all = self.read_everything();
        }
    }

    /// One bit of one block is another from now on, whether a log that knows the block
    /// meets it or one that `reopens`; says which positions it stands at.
    pub(super) fn flip_a_bit(
        &mut self,
        dice: &mut fastrand::Rng,
        reopens: bool,
    ) -> std::ops::Range<Position> {
        let heads = self.log.core().store.heads(Position(0), 1000).unwrap();
        let head = &heads[dice.usize(..heads.len())];
        self.store.flip_a_bit(head.base, dice);
        if reopens {
            self.log = empty_log();
            self.log = self.store.log(&self.options);
        } else {
            self.log.core().cache.lock().remove(&[head.base]);
        }
        head.base..head.base.plus(head.count)
    }

    /// All bits are what they were.
    pub(super) fn repair(&mut self) {
        self.store.repair();
        self.reopen();
    }

    /// Every event by position, straight from the blocks.
    fn read_everything(&self) -> Vec<StoredEvent> {
        let store = &self.log.core().store;
        let heads = store.heads(Position(0), 1000).unwrap();
        let blocks = heads.iter().map(|head| (head.base, store.read(head.base).unwrap().unwrap()));
        blocks.flat_map(|(base, block)| block.events(base).unwrap()).collect()
    }

    /// What the whole answer to a query is: filter, window and order, no pages.
    pub(super) fn answer(&self, query: &Query) -> Vec<StoredEvent> {
        let mut events: Vec<StoredEvent> = self.window(query);
        events.retain(|stored| matches(&query.filter, stored));
        events.sort_by_key(key_of);
        if query.order == Order::Descending {
            events.reverse();
        }
        events
    }

    pub(super) fn window(&self, query: &Query) -> Vec<StoredEvent> {
        let cutoff = self.options.clock.now().before(self.options.retention);
        let shown = |stored: &&StoredEvent| {
            let time = key_of(stored).time;
            stored.received >= cutoff
                && query.since.is_none_or(|since| time >= since)
                && query.until.is_none_or(|until| time < until)
        };
        self.all.iter().filter(shown).cloned().collect()
    }
}

fn put(log: &Log, dice: &mut fastrand::Rng, number: u64, now: Timestamp, events: Vec<Event>) {
    // Some of these blocks stand across the end of the retention.
    let oldest = pick(dice, &[600, 12_000]);
    let received = |dice: &mut fastrand::Rng| now.before(SECOND * dice.u32(0..oldest));
    let events: Vec<_> = events.into_iter().map(|event| (event, received(dice))).collect();
    // Blocks are numbered from 1.
    log.put(&block_of(dice.u8(1..3), number + 1, number * 10_000, &events)).unwrap();
}

fn matches(filter: &Filter, stored: &StoredEvent) -> bool {
    let event = &stored.event;
    let named = |patterns: &Patterns, name: &str| patterns::Matcher::new(patterns).matches(name);
    let severity = filter
        .severity
        .is_none_or(|(from, to)| (from.level()..=to.level()).contains(&event.severity().level()));
    let fields = filter.fields.iter().all(|(name, value)| {
        event.fields().get(name).is_some_and(|found| match found {
            serde_json::Value::String(text) => text == value,
            other => &other.to_string() == value,
        })
    });
    let source =
        filter.sources.is_empty() || event.source().is_some_and(|s| named(&filter.sources, s));
    named(&filter.types, event.event_type())
        && named(&filter.members, stored.member())
        && source
        && severity
        && fields
        && asked::holds(&filter.expr.0, stored)
        && filter.grep.as_ref().is_none_or(|grep| grep.is_match(event.message()))
}

/// All words of all texts of an event, in lower case.
pub(super) fn words_of(event: &Event) -> Vec<String> {
    let text = serde_json::to_string(event).unwrap().to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
}

/// A random question, of the kinds that people ask.
pub(super) fn question(dice: &mut fastrand::Rng, now: Timestamp) -> Query {
    let mut filter = Filter::default();
    if dice.u8(0..3) == 0 {
        filter
            .types
            .add(pick(dice, &["deploy.*", "error,tick", "!tick", "*.high", "none"]))
            .unwrap();
    }
    if dice.u8(0..4) == 0 {
        filter.members.add(pick(dice, &["db*", "web", "!db1", "Web,db2"])).unwrap();
    }
    if dice.u8(0..5) == 0 {
        filter.sources.add("cron").unwrap();
    }
    if dice.u8(0..4) == 0 {
        filter.severity = Some((Severity::WARN, Severity::FATAL));
    }
    if dice.u8(0..5) == 0 {
        filter.fields.push(("version".to_owned(), dice.u8(0..4).to_string()));
    }
    if dice.u8(0..4) == 0 {
        filter.expr = asked::expr(dice);
    }
    if dice.u8(0..6) == 0 {
        filter.grep = Some(Regex::new("dis.|rolled$").unwrap());
    }
    // Many questions are for whole minutes or hours.
    let unit = pick(dice, &[1, 1, 60, 3600]) * 1_000_000_000;
    let at = |dice: &mut fastrand::Rng| {
        let at = now.before(SECOND * dice.u32(0..10_000)).as_nanos();
        Timestamp::from_nanos(at.div_euclid(unit) * unit)
    };
    Query {
        filter,
        since: dice.bool().then(|| at(dice)),
        until: (dice.u8(0..3) == 0).then(|| at(dice)),
        order: if dice.bool() { Order::Ascending } else { Order::Descending },
        limit: pick(dice, &[1, 2, 7, 50, 5000]),
        cursor: None,
        count_exactly: dice.u8(0..4) == 0,
        work: Work::default(),
    }
}
