//! What if a writer computed right checksums over wrong bytes? For tests.

use super::{MAGIC, PREFIX_BYTES, head};

/// A block of this version, this header and this body, as they are. The checksum of the header
/// fits; those of the sections fit if a reader can make out where they lie.
pub(in crate::block) fn sealed_over(version: u8, header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut head = head_over(version, header);
    if let Ok((parsed, mut directory)) = head::read_head(&head) {
        for section in directory.frames.iter_mut().flat_map(|frame| &mut frame.sections) {
            if let Some(stored) = body.get(section.offset..section.offset + section.stored_bytes) {
                section.checksum = crc32c::crc32c(stored);
            }
        }
        head.clear();
        head::write_head(&mut head, version, &parsed, directory.base, &directory.frames);
    }
    head.extend_from_slice(body);
    head
}

fn head_over(version: u8, header: &[u8]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.push(version);
    head.extend(u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&head), header);
    head.extend(checksum.to_le_bytes());
    debug_assert_eq!(head.len(), PREFIX_BYTES);
    head.extend_from_slice(header);
    head
}

/// Header and body of a block: what [`sealed_over`] puts together again.
pub(in crate::block) fn taken_apart(block: &[u8], head_bytes: usize) -> (&[u8], &[u8]) {
    let (head, body) = block.split_at(head_bytes);
    (&head[PREFIX_BYTES..], body)
}
