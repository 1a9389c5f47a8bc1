//! Which words are in a text?
//!
//! A word is a run of letters and digits, as long as it goes. An index keeps a
//! hash of each, folded; the hash is part of a format on disk and never changes.
//! Text in ASCII is cut eight bytes at a time.

use super::fold::fold;

const SEED: u64 = 0x9ae1_6a3b_2f90_404f;
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Calls `each` with every word of a text, folded.
pub(crate) fn of(text: &str, mut each: impl FnMut(&str)) {
    let mut folded = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        folded.clear();
        folded.extend(word.chars().map(fold));
        each(&folded);
    }
}

/// Calls `each` with the hash of every word of a text.
pub(crate) fn hashes(text: &str, mut each: impl FnMut(u64)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let window = Window::at(bytes, at);
        let gap = window.gap();
        if gap > 0 {
            at += gap;
            continue;
        }
        at = match ascii_word(bytes, at, window) {
            Some((hash, end)) => {
                each(hash);
                end
            }
            None => any_word(text, at, &mut each),
        };
    }
}

/// The hash of a word that begins here and its end, if it is all ASCII and what
/// follows is, too.
fn ascii_word(bytes: &[u8], start: usize, mut window: Window) -> Option<(u64, usize)> {
    let (mut hash, mut at) = (Hash::new(), start);
    loop {
        let run = window.run();
        if run == 8 {
            hash.push(window.folded());
            at += 8;
            window = Window::at(bytes, at);
            continue;
        }
        if window.has_wide_at(run) {
            return None;
        }
        let rest = window.folded() & !(u64::MAX << (8 * run));
        return Some((hash.end(rest, at + run - start), at + run));
    }
}

/// Takes whatever stands at `start`, character by character: a word, or one
/// character of none. Answers with where it ends.
fn any_word(text: &str, start: usize, each: &mut impl FnMut(u64)) -> usize {
    let rest = &text[start..];
    let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
    if end == 0 {
        return start + rest.chars().next().map_or(1, char::len_utf8);
    }
    let mut folded = String::with_capacity(end + 8);
    folded.extend(rest[..end].chars().map(fold));
    each(hash_of(&folded));
    start + end
}

/// The hash of one word that is folded already.
pub(crate) fn hash_of(folded: &str) -> u64 {
    let mut hash = Hash::new();
    let mut chunks = folded.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        hash.push(padded(chunk));
    }
    hash.end(padded(chunks.remainder()), folded.len())
}

fn padded(bytes: &[u8]) -> u64 {
    let mut all = [0; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(all)
}

/// Eight bytes at a time; what is short of them is filled with zeros.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn new() -> Hash {
        Hash(SEED)
    }

    fn push(&mut self, chunk: u64) {
        self.0 = mix(self.0 ^ chunk, FACTOR);
    }

    fn end(self, rest: u64, bytes: usize) -> u64 {
        mix(mix(self.0 ^ rest, FACTOR) ^ bytes as u64, SEED)
    }
}

/// Both halves of the product, so that every bit has a say in every other.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// Eight bytes of a text, and which of them are letters or digits of ASCII.
#[derive(Clone, Copy)]
struct Window {
    bytes: u64,
    /// The highest bit of each such byte.
    inner: u64,
    upper: u64,
}

impl Window {
    /// From `at` on; zeros past the end.
    fn at(bytes: &[u8], at: usize) -> Window {
        let rest = bytes.get(at..).unwrap_or_default();
        let bytes =
            rest.first_chunk().map_or_else(|| padded(rest), |eight| u64::from_le_bytes(*eight));
        let narrow = bytes & !HIGH;
        let within = |low: u8, high: u8| {
            let from = narrow + LOW * u64::from(0x80 - low);
            let past = narrow + LOW * u64::from(0x7f - high);
            from & !past & !bytes & HIGH
        };
        let upper = within(b'A', b'Z');
        Window { bytes, inner: upper | within(b'a', b'z') | within(b'0', b'9'), upper }
    }

    /// How many bytes stand before the first that may belong to a word.
    fn gap(self) -> usize {
        places((self.inner | self.bytes & HIGH).trailing_zeros())
    }

    /// How many bytes in front are letters or digits.
    fn run(self) -> usize {
        places((!self.inner & HIGH).trailing_zeros())
    }

    /// Whether a character outside ASCII stands at this place, below 8.
    fn has_wide_at(self, place: usize) -> bool {
        self.bytes & (0x80 << (8 * place)) != 0
    }

    fn folded(self) -> u64 {
        self.bytes | self.upper >> 2
    }
}

/// Of bits, in bytes.
fn places(bits: u32) -> usize {
    (bits / 8) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words_of(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        of(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_one_case() {
        assert_eq!(words_of("Disk_full: 91% /var"), ["disk", "full", "91", "var"]);
        assert_eq!(words_of("Größe ΣΊΣΥΦΟΣ"), ["größe", "σίσυφοσ"]);
        assert_eq!(words_of("--"), [""; 0]);
    }

    #[test]
    fn a_hash_never_changes() {
        let hashes = ["", "a", "disk", "12345678", "123456789"].map(hash_of);

        let wanted = [
            "b08b6d4a92c7b273",
            "1b1aca42959df452",
            "8766f288b4a17b58",
            "50f1932df92eeefc",
            "dcd7e827ef31cff0",
        ];
        assert_eq!(hashes.map(|hash| format!("{hash:016x}")), wanted);
    }

    proptest! {
        #[test]
        fn hashes_are_those_of_the_words(
            text in prop_oneof!["[a-zA-Z0-9 .:_@\\[`{/-]{0,80}", "[a-zß ςΣK.-]{0,40}", ".{0,40}"]
        ) {
            let (mut quick, mut plain) = (Vec::new(), Vec::new());
            hashes(&text, |hash| quick.push(hash));
            of(&text, |word| plain.push(hash_of(word)));

            prop_assert_eq!(quick, plain);
        }
    }
}
