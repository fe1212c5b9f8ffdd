//! Any sequence of events ends each request once.

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Submit {
        router: u16,
    },
    /// The oldest unanswered datagram of a router arrives there and is answered, unless it is lost.
    Deliver {
        lost: bool,
        twice: bool,
    },
    Noise {
        octets: Vec<u8>,
    },
    Pass,
    Cancel {
        which: prop::sample::Index,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_u16).prop_map(|router| Step::Submit { router }),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(lost, twice)| Step::Deliver { lost, twice }),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|octets| Step::Noise { octets }),
        3 => Just(Step::Pass),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::Cancel { which }),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// Whatever is lost, repeated or made up on the way: each request that is not cancelled ends exactly once, none is sent
    /// more than six times or after 30 seconds, and no two in flight to one router share an identifier.
    #[test]
    fn every_request_ends_once(steps in steps(), seed: u32) {
        let secret = secret();
        let mut random = seed;
        let mut client = Client::new(Limits { exchanges: 20, per_pair: 8, ..Limits::default() }, Box::new(move || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random >> 4
        }));
        let mut now = at(0);
        let mut open: HashSet<Ticket> = HashSet::new();
        let mut wire: Vec<(Pair, Vec<u8>)> = Vec::new();
        let mut submitted = 0;
        let mut ended = 0;
        for step in steps {
            match step {
                Step::Submit { router } => {
                    let remote = SocketAddr::new(pair().remote.ip(), 3_799 + router);
                    let request = Request { pair: Pair { remote, ..pair() }, ..request(&secret) };
                    if let Ok(ticket) = client.submit(&request) {
                        prop_assert!(open.insert(ticket));
                        submitted += 1;
                    }
                }
                Step::Deliver { lost, twice } => {
                    if !wire.is_empty() {
                        let (pair, datagram) = wire.remove(0);
                        if !lost {
                            let ack = plain_reply(&datagram, Code::COA_ACK);
                            for _ in 0..=usize::from(twice) {
                                // Late and repeated replies are dropped; both are fine.
                                let _ = client.handle(now, pair.local, pair.remote, &ack);
                            }
                        }
                    }
                }
                Step::Noise { octets } => {
                    prop_assert!(client.handle(now, pair().local, pair().remote, &octets).is_err());
                }
                Step::Pass => {
                    if let Some(deadline) = client.next_timeout() {
                        prop_assert!(deadline >= now && deadline <= now + at(30_000));
                        now = deadline;
                        client.handle_timeout(now);
                    }
                }
                Step::Cancel { which } => {
                    if !open.is_empty() {
                        let mut tickets: Vec<_> = open.iter().copied().collect();
                        tickets.sort_unstable();
                        let ticket = tickets[which.index(tickets.len())];
                        if client.cancel(ticket) {
                            open.remove(&ticket);
                            submitted -= 1;
                        }
                    }
                }
            }
            while let Some(transmit) = client.poll_transmit(now) {
                prop_assert!(transmit.copy <= 5);
                wire.push((transmit.pair, transmit.octets.to_vec()));
            }
            while let Some(finished) = client.poll_outcome() {
                prop_assert!(open.remove(&finished.ticket));
                prop_assert!(finished.elapsed <= at(30_000));
                ended += 1;
            }
            prop_assert_eq!(open.len(), client.in_flight());
        }
        while let Some(deadline) = client.next_timeout() {
            now = deadline;
            client.handle_timeout(now);
            while client.poll_transmit(now).is_some() {}
            while let Some(finished) = client.poll_outcome() {
                prop_assert!(open.remove(&finished.ticket));
                ended += 1;
            }
        }
        prop_assert_eq!((submitted, open.len(), client.in_flight()), (ended, 0, 0));
    }
}
