//! Was this event sent before? The names of keys.

/// Member, source and key in one name; lengths in between, so that no two triples
/// look alike.
pub(super) fn key_name(member: &str, source: Option<&str>, key: &str) -> Box<[u8]> {
    let mut name = Vec::with_capacity(member.len() + source.map_or(0, str::len) + key.len() + 6);
    for text in [member, source.unwrap_or_default()] {
        // Members and sources are at most 256 bytes: two bytes hold their length.
        name.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        name.extend_from_slice(text.as_bytes());
    }
    name.extend_from_slice(key.as_bytes());
    name.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_that_read_alike_have_names_of_their_own() {
        assert_ne!(key_name("a", Some("b"), "c"), key_name("ab", None, "c"));
        assert_ne!(key_name("a", Some("bc"), ""), key_name("a", Some("b"), "c"));
    }
}
