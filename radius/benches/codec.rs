//! The codec against an independent one, crate `radius` 0.4.0, in what both can do: reading a request's attributes, a hidden
//! password, and an accounting request from the first octet to the signed answer. Interleaved rounds of one run; shown are
//! medians of the processor time that one takes, and their ratio.
//!
//! `cargo bench -p rrnetd-radius --bench codec`; `-- --smoke` is a moment, for whether all works.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reports on the terminal and ends on an error"
)]

use std::{fs, hint::black_box, net::Ipv4Addr};

use radius::{
    attribute::AttributeType, authenticator::verify_request, code::Code, compose::Composer, hide,
    index::Index, secret::SharedSecret,
};
use radius_rs::core::{avp::AVP, code::Code as TheirCode, packet::Packet as Theirs, rfc2865, rfc2866};

const SECRET: &[u8] = b"a shared secret of 32 octets ...";
const AUTHENTICATOR: [u8; 16] = [0x5a; 16];
const PASSWORD: &[u8] = b"pass12345678";

fn main() {
    let is_smoke = std::env::args().any(|argument| argument == "--smoke");
    let (rounds, times) = if is_smoke { (1, 100) } else { (9, 400_000) };
    let secret = SharedSecret::new(SECRET).unwrap();
    let request = accounting_request();
    println!("one of each, ns of processor time: ours, crate radius 0.4.0, ratio");
    let attributes = [1, 4, 8, 31, 40, 44, 46];
    compare(
        "read seven attributes of a request",
        (rounds, times),
        [
            &mut || {
                let index = Index::parse(black_box(&request)).unwrap();
                for kind in attributes {
                    black_box(index.packet().find(AttributeType(kind)).unwrap().value);
                }
            },
            &mut || {
                let packet = Theirs::decode(black_box(&request), SECRET).unwrap();
                for kind in attributes {
                    black_box(packet.lookup(kind).unwrap().encode_bytes());
                }
            },
        ],
    );
    let hidden = hide::hide_password(PASSWORD, &AUTHENTICATOR, &secret).unwrap();
    let theirs = AVP::from_bytes(2, hidden.expose());
    compare(
        "reveal a password",
        (rounds, times),
        [
            &mut || {
                let revealed =
                    hide::reveal_password(black_box(hidden.expose()), &AUTHENTICATOR, &secret).unwrap();
                assert_eq!(black_box(revealed.expose()), PASSWORD);
            },
            &mut || {
                let revealed = black_box(&theirs).encode_user_password(SECRET, &AUTHENTICATOR).unwrap();
                assert_eq!(black_box(revealed), PASSWORD);
            },
        ],
    );
    let mut buffer = [0; 4096];
    let mut answers = [0, 0];
    let [ours, others] = &mut answers;
    compare(
        "accounting: parse, verify, answer, sign",
        (rounds, times),
        [
            &mut || {
                let index = Index::parse(black_box(&request)).unwrap();
                verify_request(&index, &secret).unwrap();
                *ours = Composer::bare_reply(&mut buffer, Code::ACCOUNTING_RESPONSE, &index)
                    .unwrap()
                    .finish(&secret);
            },
            &mut || {
                assert!(Theirs::is_authentic_request(black_box(&request), SECRET));
                let packet = Theirs::decode(black_box(&request), SECRET).unwrap();
                *others = packet.make_response_packet(TheirCode::AccountingResponse).encode().unwrap().len();
            },
        ],
    );
    assert_eq!(answers, [20, 20], "an answer is a header alone");
}

/// An Interim-Update as a router sends it.
fn accounting_request() -> Vec<u8> {
    let mut packet = Theirs::new_with_identifier(TheirCode::AccountingRequest, SECRET, 7);
    rfc2866::add_acct_status_type(&mut packet, 3);
    rfc2865::add_user_name(&mut packet, "subscriber-000000042");
    rfc2865::add_nas_ip_address(&mut packet, &Ipv4Addr::new(10, 0, 0, 1));
    rfc2865::add_framed_ip_address(&mut packet, &Ipv4Addr::new(100, 64, 0, 9));
    rfc2865::add_calling_station_id(&mut packet, "02:00:00:00:00:2A");
    rfc2866::add_acct_session_id(&mut packet, "8100000c");
    rfc2866::add_acct_session_time(&mut packet, 3_600);
    rfc2866::add_acct_input_octets(&mut packet, 123_456);
    rfc2866::add_acct_output_octets(&mut packet, 7_890_123);
    packet.encode().unwrap()
}

/// Does each so many `times` in each of so many `rounds`, by turns.
fn compare(what: &str, (rounds, times): (usize, u64), both: [&mut dyn FnMut(); 2]) {
    let mut spent = [Vec::new(), Vec::new()];
    let mut both = both;
    for _ in 0..rounds {
        for (work, spent) in both.iter_mut().zip(&mut spent) {
            let before = processor_time();
            for _ in 0..times {
                work();
            }
            spent.push((processor_time() - before) as f64 / times as f64);
        }
    }
    let [ours, theirs] = spent.map(|mut rounds| {
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    });
    println!("  {what:<42} {ours:>7.0} {theirs:>7.0}  {:>5.1} ×", theirs / ours.max(0.1));
}

/// Nanoseconds that this thread has spent on a processor: what others do on the machine counts little.
fn processor_time() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}
