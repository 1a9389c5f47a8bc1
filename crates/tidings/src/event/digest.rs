//! Is this what was sent before? A digest of an event as it was sent.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::Event;

/// A digest of an event as it was sent, before anything is filled in.
///
/// It is kept on disk and compared after an upgrade, and a collision would call
/// another event a duplicate and drop it: hence a hash that is specified, stable,
/// and that nobody can find collisions for, cut to 128 bits.
pub(super) fn body_digest(event: &Event) -> [u8; 16] {
    let mut hasher = HashWriter(Sha256::new());
    // Neither can an event fail to serialise, nor a hash to be written.
    let _ = serde_json::to_writer(&mut hasher, event);
    let digest = hasher.0.finalize();
    let mut body = [0; 16];
    body.copy_from_slice(&digest[..16]);
    body
}

struct HashWriter(Sha256);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn the_digest_tells_what_was_sent_apart() {
        let event = Event::new("deploy", "m").with_key("k");
        let timed = event.clone().with_timestamp(Timestamp::from_nanos(1));

        assert_eq!(body_digest(&event), body_digest(&event.clone()));
        assert_ne!(body_digest(&event), body_digest(&timed));
    }

    #[test]
    fn the_digest_of_an_event_never_changes() {
        let event = Event::new("deploy", "m").with_key("k").with_field("v", 1);

        let digest = u128::from_be_bytes(body_digest(&event));
        assert_eq!(digest, 0xdb0c_3620_56b7_5c18_eb34_5cac_68ba_161d);
    }
}
