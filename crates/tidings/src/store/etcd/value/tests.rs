use std::time::Duration;

use super::*;
use crate::id::{Boot, Origin};
use crate::testing::Blocks;

const PUBLISHED: Timestamp = Timestamp::from_nanos(1_795_341_700_000_000_000);

fn name_of(block: &Block) -> BlockName {
    BlockName::of(block).unwrap()
}

fn value_of(block: &Block) -> Vec<u8> {
    write(name_of(block), block, PUBLISHED).unwrap()
}

/// Events with everything an event may have, at odd times.
fn odd_block() -> Block {
    let mut builder = BlockBuilder::new(Origin::from_bytes([7; 16]), Boot::from_bytes([9; 8]));
    let fields: Fields = serde_json::from_str(r#"{"z":1.50,"a":{"b":[null,"\n"]}}"#).unwrap();
    let base = Timestamp::from_nanos(1_795_341_600_123_456_789);
    let second = Duration::from_secs(1);
    let texts = ["", "plain", "line\nbreak \"quoted\" \u{1b}[2J \0 größe \u{202e}"];
    for (i, text) in texts.into_iter().enumerate() {
        let later = second * u32::try_from(i).unwrap();
        builder.push(&Entry {
            event_type: ["error", "deploy", "größe/../x"][i],
            message: text,
            member: ["db1", "db1", "web 2"][i],
            severity: Severity::from_number([17, 10, 24][i]).unwrap(),
            timestamp: [base.before(later), Timestamp::MIN, Timestamp::MAX][i],
            added: base.after(later),
            received: base.after(2 * later),
            seq: [5, 6, 900][i],
            source: [None, Some("api"), Some("")][i],
            subject: [Some("/var"), None, None][i],
            key: [None, None, Some("own-1")][i],
            fields: [None, Some(crate::block::EntryFields::Values(&fields)), None][i],
            trace_id: [None, Some(1 << 100), None][i],
            span_id: [Some(u64::MAX), None, None][i],
        });
    }
    builder.seal(7, true).unwrap()
}

#[test]
fn a_block_is_read_back_byte_for_byte() {
    let mut blocks = Blocks::new(1);
    for block in [odd_block(), blocks.of(1), blocks.of(700), blocks.with_text(4096, 200)] {
        assert_eq!(read(name_of(&block), &value_of(&block)), Ok(block));
    }
}

#[test]
fn small_values_are_lines_that_people_read() {
    let value = String::from_utf8(value_of(&odd_block())).unwrap();
    let lines: Vec<serde_json::Value> =
        value.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["member"], &lines[0]["count"]), (&"db1".into(), &3.into()));
    assert_eq!(lines[0]["last_of_boot"], true);
    assert_eq!((&lines[2]["type"], &lines[2]["message"]), (&"deploy".into(), &"plain".into()));
    assert_eq!(lines[1].get("memberid"), None, "the envelope says it");
    assert_eq!(lines[3]["memberid"], "web 2");
}

#[test]
fn large_values_are_compressed() {
    let block = Blocks::new(1).of(4096);
    let value = value_of(&block);
    assert!(value.len() < 4096 * 60, "{} bytes", value.len());
    assert!(String::from_utf8_lossy(&value).contains("\"encoding\":\"zstd\""));
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let mut blocks = Blocks::new(1);
    for block in [odd_block(), blocks.of(100)] {
        let value = value_of(&block);
        for at in 0..value.len() {
            let mut changed = value.clone();
            changed[at] ^= 1 << (at % 8);
            // Some bits of a zstd frame mean nothing: then it is the same block.
            let found = read(name_of(&block), &changed);
            let compressed = block.header().count > 3;
            let same = compressed && found.as_ref() == Ok(&block);
            assert!(found.is_err() || same, "byte {at} of {}", value.len());
            assert!(read(name_of(&block), &value[..at]).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn the_same_block_is_known_whenever_it_was_published() {
    let (block, other) = (odd_block(), Blocks::new(1).of(3));
    let later = write(name_of(&block), &block, PUBLISHED.after(Duration::from_secs(9))).unwrap();

    assert!(
        later != value_of(&block) && are_same_block(name_of(&block), &value_of(&block), &later)
    );
    assert!(!are_same_block(name_of(&block), &value_of(&block), &value_of(&other)));
    assert!(!are_same_block(name_of(&block), &value_of(&block), b"garbage"));
}

#[test]
fn the_same_events_in_other_bytes_are_the_same_block() {
    let block = Blocks::new(1).of(700);
    let value = value_of(&block);
    let lines = value.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let plain = zstd::stream::decode_all(&value[lines..]).unwrap();
    let harder = [&value[..lines], &zstd::bulk::compress(&plain, 19).unwrap()].concat();

    assert_ne!(harder, value);
    assert!(are_same_block(name_of(&block), &harder, &value));
}

fn forged(envelope: &str, lines: &[u8]) -> Vec<u8> {
    sealed_over(envelope.as_bytes(), lines)
}

fn envelope(count: u32, bytes: usize, more: &str) -> String {
    format!(
        "{{\"format\":1,\"member\":\"m\",\"origin\":\"{}\",\"boot\":\"{}\",\"block\":7,\
         \"first_seq\":5,\"count\":{count},\"received\":\"2026-11-22T10:00:00Z\",\
         \"published\":\"2026-11-22T10:00:00Z\",\"bytes\":{bytes}{more}",
        Origin::from_bytes([7; 16]),
        Boot::from_bytes([9; 8])
    )
}

fn line(more: &str) -> String {
    format!("{{\"type\":\"a\",\"message\":\"x\",\"timestamp\":\"2026-11-22T10:00:00Z\"{more}}}\n")
}

#[track_caller]
fn assert_refused(value: &[u8], words: &str) {
    let error = read(name_of(&odd_block()), value).unwrap_err().to_string();
    assert!(error.contains(words), "{error:?} does not say {words:?}");
}

#[test]
fn what_a_hostile_writer_puts_there_is_refused_and_named() {
    let lines =
        |lines: &str, count: u32| forged(&envelope(count, lines.len(), ""), lines.as_bytes());
    assert!(read(name_of(&odd_block()), &lines(&line(""), 1)).is_ok(), "the forgery is good");

    assert_refused(b"", "no line end");
    assert_refused(b"garbage\n", "envelope");
    assert_refused(&forged("{\"format\":2", b""), "format 2");
    assert_refused(&lines(&line(""), 2), "1 events where the envelope says 2");
    assert_refused(&lines(&(line("") + &line("")), 1), "2 events");
    assert_refused(&lines("", 0), "0 events");
    assert_refused(&lines(&line(",\"seq\":4"), 1), "line 2: seq 4");
    assert_refused(&lines(&line(",\"unknown\":4"), 1), "unknown field");
    assert_refused(&lines(&line(",\"severity\":\"bad\""), 1), "bad");
    assert_refused(&lines(&line(",\"severity_number\":25"), 1), "25");
    assert_refused(&lines(&line(",\"trace_id\":\"+1\""), 1), "trace_id");
    assert_refused(&lines(&line("").replace("\"a\"", "\"\""), 1), "type");
    assert_refused(&lines(&line(",\"memberid\":\"\""), 1), "memberid");
    assert_refused(&lines(&line(&format!(",\"key\":\"{}\"", "k".repeat(129))), 1), "key");
    let other = envelope(1, line("").len(), "").replace("\"block\":7", "\"block\":8");
    assert_refused(&forged(&other, line("").as_bytes()), "where the key says");
}

#[test]
fn a_bomb_stays_small() {
    let zeros = zstd::bulk::compress(&vec![b' '; 64 * 1024 * 1024], 1).unwrap();
    let zstd = ",\"encoding\":\"zstd\"";
    assert_refused(&forged(&envelope(1, VALUE_RAW_BYTES_MAX + 1, zstd), &zeros), "at most");
    assert_refused(&forged(&envelope(1, 1000, zstd), &zeros), "1001 bytes where");
    assert_refused(&forged(&envelope(1, 10, ",\"encoding\":\"br\""), b"x"), "\"br\"");
    assert_refused(&forged(&envelope(1, 10, zstd), b"no frame"), "decompressed");
}
