//! Random texts: passwords, secrets and tokens that we make for people.

use base::SecretString;

/// Letters and digits that nobody mistakes for one another on a note: no `0 O 1 l I`.
const CLEAR_ALPHABET: &[u8] = b"23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";

/// `length` octets from the operating system.
#[must_use]
pub fn octets<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut octets = [0; LENGTH];
    getrandom::fill(&mut octets).expect("the operating system gives randomness");
    octets
}

/// `length` letters and digits, each of 56: 5.8 bits a character.
#[must_use]
pub fn readable(length: usize) -> SecretString {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        for octet in octets::<32>() {
            // Four times the alphabet; what lies above would favour its first letters.
            if let Some(letter) = CLEAR_ALPHABET.get(usize::from(octet) % CLEAR_ALPHABET.len())
                && usize::from(octet) < 4 * CLEAR_ALPHABET.len()
                && text.len() < length
            {
                text.push(char::from(*letter));
            }
        }
    }
    SecretString::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_comes_up_and_none_twice_as_often_as_another() {
        let text = readable(56 * 400);
        let mut counts = [0_u32; 256];
        for octet in text.expose().bytes() {
            counts[usize::from(octet)] += 1;
        }
        let used: Vec<u32> = CLEAR_ALPHABET.iter().map(|letter| counts[usize::from(*letter)]).collect();
        assert_eq!(used.iter().sum::<u32>(), 56 * 400, "nothing outside of the alphabet");
        assert!(used.iter().all(|count| (250..600).contains(count)), "{used:?}");
        assert_ne!(readable(16), readable(16));
    }
}
