//! What the composer and the secret refuse, so that nothing malformed leaves the house.

use radius::attribute::{AttributeType, Tag};
use radius::code::Code;
use radius::compose::{self, ComposeError, Composer};
use radius::credential::mschap::mppe::{Keys1, Keys2};
use radius::credential::mschap::{LmHash, NtHash};
use radius::hide::{self, Salt};
use radius::secret::{SecretError, SharedSecret};
use radius::vendor::mikrotik;

use crate::hex::{AUTHENTICATOR, octets, secret};

/// RFC 2865 §3: an empty secret is forbidden.
#[test]
fn empty_secret() {
    assert_eq!(SharedSecret::new(b"").err(), Some(SecretError::Empty));
}

#[test]
fn secrets_print_nothing() {
    let secret = SharedSecret::new(b"testing123").unwrap();
    let hidden = hide::hide_password(b"password", &AUTHENTICATOR, &secret).unwrap();
    let revealed = hide::reveal_password(hidden.expose(), &AUTHENTICATOR, &secret).unwrap();
    let nt = NtHash::of_password("password");
    let lm = LmHash::of_password("password").unwrap();
    assert_eq!(format!("{secret:?} {revealed:?}"), "SharedSecret(..) Concealed(..)");
    assert_eq!(format!("{nt:?} {lm:?}"), "NtHash(..) LmHash(..)");
    let keys = Keys1::new(&nt, Some(&lm));
    assert_eq!(format!("{keys:?} {:?}", Keys2::derive(&nt, &[0; 24])), "Keys1(..) Keys2(..)");
}

#[test]
fn secrets_are_compared_whole() {
    let secret = |octets: &[u8]| SharedSecret::new(octets).unwrap();
    assert_eq!(secret(b"testing123"), secret(b"testing123"));
    assert_ne!(secret(b"testing123"), secret(b"testing124"));
    assert_ne!(secret(b"testing123"), secret(b"testing12"));
}

/// Attributes composed ahead are added as they are; anything else is refused, and leaves the packet as it was.
#[test]
fn ready_made_attributes() {
    let mut blob = [0; 64];
    let length = compose::attributes(&mut blob, |c| {
        c.u32(AttributeType::SESSION_TIMEOUT, 600)?.vendor_text(mikrotik::GROUP, "vip")?;
        Ok(())
    })
    .unwrap();
    assert_eq!(&blob[..length], octets("1b 06 00000258  1a 0b 00003a8c 03 05 766970"));
    let tight = compose::attributes(&mut [0; 5], |c| c.u32(AttributeType::SESSION_TIMEOUT, 600).map(drop));
    assert_eq!(tight, Err(ComposeError::Full));

    let mut buffer = [0; 40];
    let mut composer = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR).unwrap();
    for malformed in [
        "1b",
        "1b 02",
        "1b 06 000002",
        "1b 00 00",
        "1b 06 00000258 01",
        "50 12 00000000000000000000000000000000",
    ] {
        assert_eq!(composer.raw(&octets(malformed)).err(), Some(ComposeError::Malformed), "{malformed}");
    }
    composer.raw(&blob[..length]).unwrap();
    assert_eq!(composer.raw(&blob[..length]).err(), Some(ComposeError::Full));
    assert_eq!(composer.length(), 20 + length);
    composer.raw(&[]).unwrap();
}

/// A buffer of any size: an error or a whole packet, never a broken one.
#[test]
fn full_buffers() {
    for size in 0..=120 {
        let mut buffer = vec![0; size];
        let Ok(mut composer) = Composer::request(&mut buffer, Code::ACCESS_REQUEST, 1, &AUTHENTICATOR) else {
            assert!(size < 20);
            continue;
        };
        let filled = composer
            .message_authenticator()
            .and_then(|c| c.text(AttributeType::USER_NAME, "budi"))
            .and_then(|c| c.user_password(b"rahasia", &secret()))
            .and_then(|c| c.vendor_text(mikrotik::GROUP, "vip"))
            .map(drop);
        assert_eq!(filled, if size < 20 + 18 + 6 + 18 + 11 { Err(ComposeError::Full) } else { Ok(()) });
        let length = composer.finish(&secret());
        radius::packet::Packet::parse(&buffer[..length]).unwrap();
    }
}

/// RFC 2868 §3.5: the top bit is set and the next salt is another.
#[test]
fn salts() {
    for random in [0, 0x7fff, 0x8000, 0xffff] {
        let salt = Salt::new(random);
        assert_eq!(salt.octets()[0] & 0x80, 0x80);
        assert_ne!(salt, salt.next());
        assert_eq!(salt.next().octets()[0] & 0x80, 0x80);
    }
}

/// What depends on an authenticator cannot be composed without one.
#[test]
fn no_authenticator() {
    let fill = |c: &mut Composer<'_>| {
        assert_eq!(c.user_password(b"x", &secret()).err(), Some(ComposeError::NoAuthenticator));
        let tunnel = c.tunnel_password(Tag::NONE, b"x", Salt::new(1), &secret()).err();
        assert_eq!(tunnel, Some(ComposeError::NoAuthenticator));
    };
    let ahead = compose::attributes(&mut [0; 64], |c| {
        fill(c);
        assert_eq!(c.message_authenticator().err(), Some(ComposeError::NoAuthenticator));
        Ok(())
    });
    assert_eq!(ahead, Ok(0));
    fill(&mut Composer::signed_request(&mut [0; 64], Code::COA_REQUEST, 1).unwrap());
}
