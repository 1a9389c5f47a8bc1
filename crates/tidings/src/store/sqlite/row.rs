//! Does a row belong where it stands? Checksums over place, name and bytes.

use std::iter::repeat_n;
use std::sync::Arc;

use crate::block::{Block, Header, Outline};
use crate::clock::Timestamp;
use crate::id::Origin;
use crate::store::Damage;

/// A row of `blocks`, but for its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) base: i64,
    pub(super) count: i64,
    /// Row of `boots`, and the block's number; `None` when it was merged.
    pub(super) name: Option<(i64, i64)>,
}

/// Over these numbers, one after the other.
fn checksum(words: &[i64]) -> u32 {
    words.iter().fold(0, |crc, word| crc32c::crc32c_append(crc, &word.to_le_bytes()))
}

pub(super) fn head_seal(place: &Place, head: &[u8]) -> u32 {
    let (boot, number) = place.name.unwrap_or((-1, -1));
    let crc = checksum(&[place.base, place.count, boot, number]);
    crc32c::crc32c_append(crc, head)
}

/// Over the head as well: two good halves of different blocks are no block.
pub(super) fn body_seal(head_seal: u32, body: &[u8]) -> u32 {
    crc32c::crc32c_append(head_seal, body)
}

pub(super) fn meta_seal(origin: Origin, created: Timestamp) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&origin.to_bytes()), &created.as_nanos().to_le_bytes())
}

pub(super) fn floor_seal(first: i64, next: i64) -> u32 {
    checksum(&[first, next])
}

/// A row of `expired`: it must not excuse what it does not stand for.
pub(super) fn expired_seal(first: i64, next: i64) -> u32 {
    gap_seal(first, next, 0)
}

pub(super) fn gap_seal(first: i64, next: i64, reason: i64) -> u32 {
    checksum(&[first, next, reason])
}

pub(super) fn key_seal(name: &[u8], body: &[u8], id: &[u8], received: i64) -> u32 {
    let crc = checksum(&[received]);
    let name_bytes = (name.len() as u64).to_le_bytes();
    [&name_bytes, name, body, id].iter().fold(crc, |crc, part| crc32c::crc32c_append(crc, part))
}

pub(super) fn note_seal(name: &str, value: &[u8]) -> u32 {
    let name_bytes = (name.len() as u64).to_le_bytes();
    let parts = [name.as_bytes(), value];
    parts.iter().fold(crc32c::crc32c(&name_bytes), |crc, part| crc32c::crc32c_append(crc, part))
}

/// Compares what was written with what is there now.
pub(super) fn check(stored: i64, computed: u32) -> Result<(), Damage> {
    // A stored value out of range is as wrong as any other.
    let stored = u32::try_from(stored).unwrap_or(!computed);
    if stored == computed { Ok(()) } else { Err(Damage::Checksum { stored, computed }) }
}

/// Reads a head and makes sure that it is this row's.
pub(super) fn open_head(place: &Place, seal: i64, head: &[u8]) -> Result<Arc<Header>, Damage> {
    check(seal, head_seal(place, head))?;
    let (header, _) = Header::parse(head)?;
    Ok(Arc::new(header))
}

/// The same, with where the frames lie.
pub(super) fn open_outline(place: &Place, seal: i64, head: &[u8]) -> Result<Outline, Damage> {
    check(seal, head_seal(place, head))?;
    Ok(Outline::parse(head)?)
}

/// Puts a block together again and makes sure that it is this row's.
pub(super) fn open_block(
    place: &Place,
    seals: (i64, i64),
    head: &[u8],
    body: &[u8],
) -> Result<Block, Damage> {
    let seal = head_seal(place, head);
    check(seals.0, seal)?;
    check(seals.1, body_seal(seal, body))?;
    Ok(Block::parse(joined(head, body))?)
}

/// In one allocation, as a block keeps them.
fn joined(head: &[u8], body: &[u8]) -> Arc<[u8]> {
    let mut bytes: Arc<[u8]> = repeat_n(0, head.len() + body.len()).collect();
    if let Some((to_head, to_body)) =
        Arc::get_mut(&mut bytes).and_then(|all| all.split_at_mut_checked(head.len()))
    {
        to_head.copy_from_slice(head);
        to_body.copy_from_slice(body);
    }
    bytes
}
