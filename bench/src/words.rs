//! What does an index of words cost, in bytes and in processor time, and how often
//! is it wrong? Beside the filters that others use.

use std::collections::HashSet;

use tidings::block::Block;
use tidings::testing::words::{WordSegment, count_words, words_of};
use tidings::{Event, Fields};

use crate::block::encode;
use crate::events::Events;
use crate::measure::{cpu_seconds, median_of, short, table};

/// A full segment.
const EVENTS: usize = 262_144;
const GRANULE_EVENTS: usize = 512;
const BLOCK_EVENTS: usize = 4096;
/// Words that are nowhere, of which some are thought to be somewhere.
const ABSENT: usize = 100_000;
const ROUNDS: usize = 3;

pub(crate) fn report() -> String {
    let events: Vec<Event> = Events::new().take(EVENTS).collect();
    let blocks = encode(&events, BLOCK_EVENTS);
    let segment = WordSegment::of(&blocks).expect("a segment of many events");
    let granules: Vec<HashSet<u64>> = events.chunks(GRANULE_EVENTS).map(words_in).collect();
    let pairs: usize = granules.iter().map(HashSet::len).sum();
    let all: HashSet<u64> = granules.iter().flatten().copied().collect();
    let mut rows = vec![of_segment(&segment)];
    for bits in [10, 14, 20] {
        rows.push(blooms(&granules, bits));
    }
    rows.push(exact(&granules, &all));
    let head = [
        "filter over 262,144 events in 512 granules",
        "bytes/event",
        "granules opened in vain for a word that is nowhere",
        "the same in 10 M events",
        "bytes read to ask for a word in 10 M events",
    ];
    format!(
        "{EVENTS} events, {:.2} words each that are not yet in their granule, {} words in all.\n\n{}\n{}",
        pairs as f64 / EVENTS as f64,
        all.len(),
        table(&head, &rows),
        cost(&blocks, &segment)
    )
}

fn words_in(events: &[Event]) -> HashSet<u64> {
    let mut words = HashSet::new();
    for event in events {
        each_text(event, &mut |text| {
            words_of(text, |word| {
                words.insert(mixed(word));
            })
        });
    }
    words
}

fn each_text(event: &Event, each: &mut impl FnMut(&str)) {
    let names = [Some(event.event_type()), event.member(), event.source(), event.subject()];
    names.into_iter().flatten().chain([event.message()]).for_each(&mut *each);
    of_fields(event.fields(), each);
}

/// The bench's events have texts and numbers alone.
fn of_fields(fields: &Fields, each: &mut impl FnMut(&str)) {
    for (name, value) in fields.iter() {
        each(name);
        match value.as_str() {
            Some(text) => each(text),
            None => each(&value.to_string()),
        }
    }
}

/// FNV-1a, finished as SplitMix64 does: not the index's own.
fn mixed(word: &str) -> u64 {
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let z = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn absent() -> impl Iterator<Item = String> {
    (0..ABSENT).map(|i| format!("nowhere{i}"))
}

/// In 10 M events, of what is so much in one segment.
fn in_all(of_one: f64) -> f64 {
    of_one * 1e7 / EVENTS as f64
}

fn row(what: &str, bytes: usize, in_vain: f64, read: f64) -> Vec<String> {
    let each = short(bytes as f64 / EVENTS as f64);
    vec![
        what.to_owned(),
        each,
        format!("{in_vain:.4}"),
        short(in_all(in_vain)),
        short(in_all(read)),
    ]
}

fn bytes_of(segment: &WordSegment) -> usize {
    let (head, parts) = segment.bytes();
    // A part is a row of a page of its own.
    head.len() + parts.iter().map(|part| part.len().next_multiple_of(4096)).sum::<usize>()
}

fn of_segment(segment: &WordSegment) -> Vec<String> {
    let granules = |word: &str| -> u64 {
        let runs = segment.runs_of(word).expect("a whole segment");
        runs.iter().map(|(from, to)| (to.0 - from.0).div_ceil(GRANULE_EVENTS as u64)).sum()
    };
    let found: u64 = absent().map(|word| granules(&word)).sum();
    let in_vain = found as f64 / ABSENT as f64;
    row("hashes in order, with their granules (ours)", bytes_of(segment), in_vain, 4096.0)
}

/// One Bloom filter a granule, all of one segment.
fn blooms(granules: &[HashSet<u64>], bits_a_word: usize) -> Vec<String> {
    let hashes = bits_a_word * 7 / 10;
    let (mut filters, mut bytes) = (Vec::new(), 0);
    for words in granules {
        let bits = (words.len() * bits_a_word).next_multiple_of(64);
        let mut filter = vec![0_u64; bits / 64];
        for place in words.iter().flat_map(|word| places(*word, hashes, bits)) {
            filter[place / 64] |= 1 << (place % 64);
        }
        bytes += bits / 8;
        filters.push(filter);
    }
    let is_in = |filter: &Vec<u64>, word: u64| {
        places(word, hashes, filter.len() * 64).all(|p| filter[p / 64] >> (p % 64) & 1 == 1)
    };
    let found: usize =
        absent().map(|word| filters.iter().filter(|it| is_in(it, mixed(&word))).count()).sum();
    let what = format!("a Bloom filter a granule, {bits_a_word} bits a word");
    // Each probe is a cache line of its own, but the filters lie in pages.
    row(&what, bytes, found as f64 / ABSENT as f64, bytes as f64)
}

fn places(word: u64, hashes: usize, bits: usize) -> impl Iterator<Item = usize> {
    let (a, b) = (word, word.rotate_left(32) | 1);
    let at = move |i: u64| a.wrapping_add(b.wrapping_mul(i)) % bits as u64;
    (0..hashes as u64).map(move |i| usize::try_from(at(i)).unwrap_or(0))
}

/// The words themselves in order, and the granules of each as gaps of a byte:
/// what an inverted index without tricks takes at least.
fn exact(granules: &[HashSet<u64>], all: &HashSet<u64>) -> Vec<String> {
    let pairs: usize = granules.iter().map(HashSet::len).sum();
    row("an inverted index: 8 bytes a word, 1 a granule", all.len() * 8 + pairs, 0.0, 4096.0)
}

fn cost(blocks: &[Block], segment: &WordSegment) -> String {
    let each = |seconds: f64| short(seconds / EVENTS as f64 * 1e6);
    let reading = median_of(ROUNDS, || {
        cpu_seconds(|| {
            for block in blocks {
                for number in 0..block.frames() {
                    let frame = block.frame(number).expect("a whole block");
                    assert!(frame.message(0).is_ok() && frame.fields_json(0).is_ok());
                }
            }
        })
    });
    let cutting = median_of(ROUNDS, || {
        cpu_seconds(|| assert!(count_words(blocks).is_ok_and(|words| words > 0)))
    });
    let building = median_of(ROUNDS, || cpu_seconds(|| assert!(WordSegment::of(blocks).is_some())));
    let quarters: Vec<WordSegment> =
        blocks.chunks(blocks.len() / 4).filter_map(WordSegment::of).collect();
    let size_of_quarters: usize = quarters.iter().map(bytes_of).sum();
    let head = ["what", "CPU-µs/event"];
    let asking = median_of(ROUNDS, || {
        cpu_seconds(|| {
            let found =
                absent().filter(|word| segment.runs_of(word).is_some_and(|it| !it.is_empty()));
            assert!(found.count() > 0);
        })
    });
    let rows = [
        vec!["decompress what is read".to_owned(), each(reading)],
        vec!["and cut words, and hash them".to_owned(), each(cutting)],
        vec!["and write the segment: all of it".to_owned(), each(building)],
    ];
    format!(
        "{}\nA segment is asked for a word in {} CPU-µs. Of a quarter of the size, it takes {} bytes/event.\n",
        table(&head, &rows),
        short(asking / ABSENT as f64 * 1e6),
        short(size_of_quarters as f64 / EVENTS as f64),
    )
}
