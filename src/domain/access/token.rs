//! Bearer tokens: 256 random bits. Only their SHA-256 is stored: a copy of the database opens nothing.

use base::SecretString;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::super::values::random;

const OCTETS: usize = 32;

/// What a token is for; its prefix says so, and lets scanners of leaked secrets know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A signed-in browser.
    Session,
    /// A program.
    Api,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "rrs_",
            Self::Api => "rrn_",
        }
    }
}

/// A token as a request carries it.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is for.
    pub kind: TokenKind,
    text: SecretString,
    hash: [u8; 32],
}

impl Token {
    /// A fresh one.
    #[must_use]
    pub(super) fn generate(kind: TokenKind) -> Self {
        let octets = Zeroizing::new(random::octets::<OCTETS>());
        let text = format!("{}{}", kind.prefix(), BASE64_URL_SAFE_NO_PAD.encode(octets.as_slice()));
        Self { kind, text: SecretString::new(text), hash: Sha256::digest(octets.as_slice()).into() }
    }

    /// Reads what a request carried; `None` when it is no token of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, body) = [TokenKind::Session, TokenKind::Api]
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))?;
        let octets = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(body).ok()?);
        (octets.len() == OCTETS).then(|| Self {
            kind,
            text: SecretString::new(text.to_owned()),
            hash: Sha256::digest(octets.as_slice()).into(),
        })
    }

    /// The token itself: to be shown once.
    #[must_use]
    pub const fn text(&self) -> &SecretString {
        &self.text
    }

    /// What is stored of it. Looking it up needs no comparison in constant time: who could choose hashes would have the
    /// token.
    pub(super) const fn hash(&self) -> &[u8] {
        self.hash.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_back() {
        for kind in [TokenKind::Session, TokenKind::Api] {
            let token = Token::generate(kind);
            assert_eq!(token.text().expose().len(), 4 + 43);
            let read = Token::parse(token.text().expose()).unwrap();
            assert_eq!((read.kind, read.hash()), (kind, token.hash()));
            assert!(!format!("{token:?}").contains(token.text().expose()));
        }
        assert_ne!(Token::generate(TokenKind::Api).hash(), Token::generate(TokenKind::Api).hash());
        for text in ["", "rrn_", "rrn_AAAA", "xyz_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "rrn_!"] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }
}
