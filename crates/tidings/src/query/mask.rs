//! Which messages say the same, but for their numbers?

/// Stands for a number. No UTF-8 text has this byte.
const PLACEHOLDER: u8 = 0xff;
/// Hexadecimal digits that are taken for an id and not for a word.
const HEX_DIGITS: usize = 8;
/// Where the four hyphens of a UUID stand.
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];
const UUID_BYTES: usize = 36;

/// Appends a message with one placeholder for each UUID, each word of
/// [`HEX_DIGITS`] or more hexadecimal digits (with `0x` in front or not), and each
/// run of decimal digits in anything else.
pub(super) fn mask(message: &str, masked: &mut Vec<u8>) {
    let mut rest = message.as_bytes();
    while let Some(first) = rest.first() {
        let word = rest.iter().position(|byte| !is_in_word(*byte)).unwrap_or(rest.len());
        if is_uuid(rest) {
            masked.push(PLACEHOLDER);
            rest = &rest[UUID_BYTES..];
        } else if word == 0 {
            masked.push(*first);
            rest = &rest[1..];
        } else {
            mask_word(&rest[..word], masked);
            rest = &rest[word..];
        }
    }
}

/// Whether a UUID stands in front, as a word of its own.
fn is_uuid(bytes: &[u8]) -> bool {
    let Some(front) = bytes.get(..UUID_BYTES) else { return false };
    let fits = |(at, byte): (usize, &u8)| {
        if UUID_HYPHENS.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    front.iter().enumerate().all(fits)
        && !bytes.get(UUID_BYTES).is_some_and(|next| is_in_word(*next))
}

fn mask_word(word: &[u8], masked: &mut Vec<u8>) {
    let digits = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X"));
    let digits = digits.unwrap_or(word);
    if digits.len() >= HEX_DIGITS && digits.iter().all(u8::is_ascii_hexdigit) {
        masked.push(PLACEHOLDER);
        return;
    }
    let mut in_number = false;
    for byte in word {
        let is_digit = byte.is_ascii_digit();
        if !is_digit {
            masked.push(*byte);
        } else if !in_number {
            masked.push(PLACEHOLDER);
        }
        in_number = is_digit;
    }
}

/// Letters of other scripts belong to a word.
fn is_in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(message: &str) -> String {
        let mut bytes = Vec::new();
        mask(message, &mut bytes);
        let shown = bytes.iter().map(|b| if *b == PLACEHOLDER { b'#' } else { *b }).collect();
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn numbers_are_masked_one_by_one() {
        assert_eq!(masked("took 125 ms of 1.50s on db12"), "took # ms of #.#s on db#");
        assert_eq!(masked(""), "");
        assert_eq!(masked("42"), "#");
        assert_eq!(masked("größe5 ü"), "größe# ü");
    }

    #[test]
    fn ids_are_masked_as_a_whole_and_words_are_not() {
        assert_eq!(masked("commit deadbeef01 by cafe12"), "commit # by cafe#");
        assert_eq!(masked("at 0xDEADbeef1, 0x1"), "at #, #x#");
        assert_eq!(masked("deadbeefs and defaced"), "deadbeefs and defaced");
        assert_eq!(masked("id=123E4567-e89b-12d3-a456-426614174000."), "id=#.");
        assert_eq!(masked("123e4567-e89b-12d3-a456-4266141740001"), "#-e#b-#d#-a#-#");
    }
}
