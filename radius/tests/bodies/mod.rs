//! What must hold for any octets: the bodies that property tests and fuzz targets share. Each takes arbitrary octets, and
//! panics if something does not hold.

mod credential;
mod dictionary;
mod packet;

pub(crate) use credential::credential;
pub(crate) use dictionary::{assignment, decode, dictionary};
pub(crate) use packet::{parse, round_trip};

use radius::secret::SharedSecret;

/// The secret of all bodies.
fn secret() -> SharedSecret {
    SharedSecret::new(b"testing123").expect("not empty")
}
