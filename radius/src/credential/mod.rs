//! Credentials: how a user proves himself in an Access-Request, and the pure checks against what we know of him.
//!
//! | method | in the request | what must be known |
//! |---|---|---|
//! | PAP | User-Password | the password, to be compared |
//! | CHAP | CHAP-Password, CHAP-Challenge | the password in clear |
//! | MS-CHAPv1, v2 | MS-CHAP-Challenge, MS-CHAP(2)-Response | the password, or its NT hash |
//! | EAP | EAP-Message | not checked here |

pub mod chap;
pub mod eap;
pub mod mschap;
pub mod pap;

mod method;

pub use method::Credential;
