//! Composing packets into a caller's buffer. Nothing is allocated; a full buffer is an error that costs nothing.
//!
//! ```
//! # use radius::{attribute::AttributeType, code::Code, compose::*, index::Index, secret::SharedSecret, vendor::mikrotik};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = SharedSecret::new(b"testing123")?;
//! let mut request = [0; 4096];
//! let mut composer = Composer::request(&mut request, Code::ACCESS_REQUEST, 1, &[7; 16])?;
//! composer.text(AttributeType::USER_NAME, "budi")?.user_password(b"rahasia", &secret)?.message_authenticator()?;
//! let length = composer.finish(&secret);
//! let request = Index::parse(&request[..length])?;
//!
//! let mut reply = [0; 4096];
//! let mut composer = Composer::reply(&mut reply, Code::ACCESS_ACCEPT, &request)?;
//! composer.vendor_text(mikrotik::RATE_LIMIT, "10M/20M")?.proxy_states(&request)?;
//! let length = composer.finish(&secret);
//! # assert!(length > 0);
//! # Ok(()) }
//! ```

mod composer;
mod hidden;
mod typed;

pub use composer::{ComposeError, Composer, attributes};
