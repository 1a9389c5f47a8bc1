//! Are publications made of the right blocks, and the same ones every time?

use super::*;
use crate::block::{BlockBuilder, FormatError};
use crate::clock::Timestamp;
use crate::store::Damage;
use crate::testing::Blocks;

const ORIGIN: Origin = Origin::from_bytes([7; 16]);
const BOOT: Boot = Boot::from_bytes([1; 8]);

/// Makes blocks of one boot of ours, one after the other.
struct Made {
    boot: Boot,
    number: u64,
    seq: u64,
    next: u64,
}

impl Made {
    fn new() -> Made {
        Made { boot: BOOT, number: 0, seq: 0, next: 0 }
    }

    fn event(&mut self, severity: Severity, event_type: &str, last: bool) -> Waiting {
        self.block(&[(severity, event_type)], last)
    }

    fn block(&mut self, events: &[(Severity, &str)], last: bool) -> Waiting {
        let mut builder = BlockBuilder::new(ORIGIN, self.boot);
        for (severity, event_type) in events {
            self.seq += 1;
            let at = Timestamp::from_nanos(i64::try_from(self.seq).unwrap());
            builder.push(&Entry {
                event_type,
                message: "m",
                member: "db1",
                severity: *severity,
                ..Entry::bare(at, self.seq)
            });
        }
        self.number += 1;
        self.wait(builder.seal(self.number, last).unwrap())
    }

    fn wait(&mut self, block: Block) -> Waiting {
        let (base, count) = (Position(self.next), u64::from(block.header().count));
        self.next += count;
        Waiting { base, count, block: Ok(block) }
    }

    fn infos(&mut self, blocks: u64) -> Vec<Waiting> {
        (0..blocks).map(|_| self.event(Severity::INFO, "deploy", false)).collect()
    }
}

fn packed(waiting: &[Waiting], least: Severity) -> Packed {
    Packer::new(ORIGIN).pack(waiting, least, |_| 5).unwrap()
}

#[track_caller]
fn publication(waiting: &[Waiting], least: Severity) -> Publication {
    match packed(waiting, least) {
        Packed::Publication(publication) => publication,
        Packed::LeftOut(left_out) => panic!("{left_out:?}"),
    }
}

#[track_caller]
fn left_out(waiting: &[Waiting], least: Severity) -> LeftOut {
    match packed(waiting, least) {
        Packed::LeftOut(left_out) => left_out,
        Packed::Publication(publication) => panic!("{publication:?}"),
    }
}

const ALL: Severity = Severity::TRACE;

fn damaged(base: u64) -> Waiting {
    let block = Err(Damage::Format(FormatError::NotABlock));
    Waiting { base: Position(base), count: 3, block }
}

#[test]
fn small_blocks_of_a_boot_go_out_as_one_under_the_next_number() {
    let mut made = Made::new();
    let mut waiting = made.infos(40);
    waiting.push(made.event(Severity::INFO, "tidings.closed", true));

    let publication = publication(&waiting, ALL);

    let header = publication.block.header();
    assert_eq!((header.number, header.count, header.last_of_boot), (Some(5), 41, true));
    assert_eq!(publication.bases, waiting.iter().map(|one| one.base).collect::<Vec<_>>());
    assert_eq!((publication.events, publication.shed, publication.is_full), (41, 0, false));
}

#[test]
fn what_is_not_severe_enough_is_left_out_and_counted_but_not_what_tidings_says() {
    let mut made = Made::new();
    let waiting = [
        made.event(Severity::DEBUG, "noise", false),
        made.event(Severity::WARN, "disk", false),
        made.event(Severity::INFO, "tidings.unshared", false),
        made.event(Severity::INFO, "noise", false),
    ];

    let publication = publication(&waiting, Severity::WARN);

    let types = &publication.block.header().types;
    assert_eq!(
        types.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
        ["disk", "tidings.unshared"]
    );
    assert_eq!((publication.events, publication.shed), (4, 2));
    let less = left_out(&waiting[..1], Severity::INFO);
    assert_eq!((less.why, less.events), (Unshared::Shed, 1));
}

#[test]
fn a_publication_ends_where_another_boot_or_another_origin_begins() {
    let mut made = Made::new();
    let mut waiting = made.infos(2);
    waiting.push(made.wait(Blocks::new(9).of(4)));
    made.boot = Boot::from_bytes([2; 8]);
    waiting.extend(made.infos(3));

    assert_eq!(publication(&waiting, ALL).events, 2);
    let foreign = publication(&waiting[2..], ALL);
    assert_eq!(foreign.name, None);
    assert_eq!(Some(&foreign.block), waiting[2].block.as_ref().ok());
    assert_eq!(publication(&waiting[3..], ALL).name, Some((made.boot, 5)));
}

#[test]
fn no_publication_is_larger_than_a_block_may_be() {
    let mut made = Made::new();
    let thousand = vec![(Severity::INFO, "deploy"); 1000];
    let waiting: Vec<Waiting> = (0..6).map(|_| made.block(&thousand, false)).collect();

    let publication = publication(&waiting, ALL);

    assert_eq!((publication.events, publication.is_full), (4000, true));
}

#[test]
fn what_cannot_be_read_goes_alone_and_holds_nothing_up() {
    let mut made = Made::new();
    let mut waiting = vec![damaged(0)];
    made.next = 3;
    waiting.extend(made.infos(2));
    waiting.push(damaged(5));
    made.next = 8;
    waiting.extend(made.infos(1));

    let gone = left_out(&waiting, ALL);
    assert_eq!((gone.why, gone.bases, gone.events), (Unshared::Damaged, vec![Position(0)], 3));
    assert_eq!(publication(&waiting[1..], ALL).events, 2);
}
