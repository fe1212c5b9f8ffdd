//! Requests that are on their way: an identifier of a socket stands for at most one of them.

use std::{collections::VecDeque, time::Duration};

use radius::packet::Authenticator;

use crate::{request::Proof, session::Step};

/// Identifiers of one socket (RFC 2865 §3).
pub(super) const IDENTIFIERS: usize = 256;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Flight {
    /// The session that asks.
    pub(super) life: u32,
    pub(super) step: Step,
    pub(super) authenticator: Authenticator,
    pub(super) proof: Proof,
    /// When it was to be sent. Latency counts from here, so that a sender that falls behind hides nothing.
    pub(super) intended: Duration,
    /// Acct-Session-Time as sent.
    pub(super) seconds: u32,
    /// How often it was sent.
    pub(super) sent: u8,
    /// Its octets, where it may be sent again.
    pub(super) packet: Vec<u8>,
}

/// A place for a request: which socket and which identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    /// The identifier of a socket.
    pub(super) fn new(socket: usize, identifier: u8) -> Self {
        Self(u32::try_from(socket * IDENTIFIERS).unwrap_or(0) + u32::from(identifier))
    }

    pub(super) const fn socket(self) -> usize {
        self.0 as usize / IDENTIFIERS
    }

    pub(super) const fn identifier(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All places of one thread.
#[derive(Debug)]
pub(super) struct Flights {
    places: Vec<(u32, Option<Flight>)>,
    /// Free places of each router, the longest unused first: an identifier rests as long as it can.
    free: Vec<VecDeque<Place>>,
    /// Which router each socket sends for.
    routers: Vec<usize>,
    /// When each flight was last sent, in that order; with the generation of its place.
    sent: VecDeque<(Duration, Place, u32)>,
    count: usize,
}

impl Flights {
    /// Places on so many sockets for each of so many routers; the sockets of a router stand together.
    pub(super) fn new(routers: usize, sockets: usize) -> Self {
        let total = routers * sockets;
        let mut free = vec![VecDeque::new(); routers];
        // Identifiers alternate between sockets, so that a server with several workers sees them all.
        for identifier in 0..=u8::MAX {
            for socket in 0..total {
                free[socket / sockets].push_back(Place::new(socket, identifier));
            }
        }
        Self {
            places: (0..total * IDENTIFIERS).map(|_| (0, None)).collect(),
            free,
            routers: (0..total).map(|socket| socket / sockets).collect(),
            sent: VecDeque::new(),
            count: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Whether a request of this router can be sent.
    pub(super) fn has_room(&self, router: usize) -> bool {
        self.free.get(router).is_some_and(|free| !free.is_empty())
    }

    /// Takes a place of a router.
    pub(super) fn take(&mut self, router: usize) -> Option<Place> {
        self.free.get_mut(router)?.pop_front()
    }

    /// Gives a place back that was not used.
    pub(super) fn give_back(&mut self, place: Place) {
        self.free[self.routers[place.socket()]].push_back(place);
    }

    /// Notes that a request was sent from `place` at `now`.
    pub(super) fn sent(&mut self, now: Duration, place: Place, flight: Flight) {
        let entry = &mut self.places[place.index()];
        entry.0 = entry.0.wrapping_add(1);
        entry.1 = Some(flight);
        self.count += 1;
        self.sent.push_back((now, place, entry.0));
    }

    /// The request on its way from `place`.
    pub(super) fn get(&self, place: Place) -> Option<&Flight> {
        self.places.get(place.index())?.1.as_ref()
    }

    /// The request has landed: frees its place.
    pub(super) fn land(&mut self, place: Place) -> Option<Flight> {
        let flight = self.places.get_mut(place.index())?.1.take()?;
        self.count -= 1;
        self.give_back(place);
        Some(flight)
    }

    /// When the oldest that is still on its way was sent.
    pub(super) fn oldest(&mut self) -> Option<Duration> {
        while let Some(&(at, place, generation)) = self.sent.front() {
            let (current, flight) = &self.places[place.index()];
            if *current == generation && flight.is_some() {
                return Some(at);
            }
            self.sent.pop_front();
        }
        None
    }

    /// The oldest, if it was sent before `before`; [`Flights::again`] or [`Flights::land`] must follow.
    pub(super) fn overdue(&mut self, before: Duration) -> Option<Place> {
        if self.oldest()? > before {
            return None;
        }
        self.sent.pop_front().map(|(_, place, _)| place)
    }

    /// Notes that the request at `place` was sent again; answers its octets.
    pub(super) fn again(&mut self, now: Duration, place: Place) -> &[u8] {
        let (generation, flight) = &mut self.places[place.index()];
        self.sent.push_back((now, place, *generation));
        flight.as_mut().map_or(&[], |flight| {
            flight.sent += 1;
            &flight.packet
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(life: u32) -> Flight {
        Flight {
            life,
            step: Step::Start,
            authenticator: [0; 16],
            proof: Proof::Plain,
            intended: Duration::ZERO,
            seconds: 0,
            sent: 1,
            packet: vec![7],
        }
    }

    #[test]
    fn an_identifier_carries_one_request_and_rests_longest() {
        let mut flights = Flights::new(2, 2);
        let first = flights.take(1).unwrap();
        assert_eq!((first.socket(), first.identifier()), (2, 0));
        flights.sent(Duration::ZERO, first, flight(5));
        assert_eq!(flights.land(first).unwrap().life, 5);
        assert!(flights.land(first).is_none(), "a second reply finds nothing");
        for _ in 1..2 * IDENTIFIERS {
            assert_ne!(flights.take(1).unwrap(), first);
        }
        assert_eq!(flights.take(1), Some(first));
        assert!(!flights.has_room(1));
        assert!(flights.has_room(0));
    }

    #[test]
    fn what_stays_out_too_long_is_found_in_order() {
        let mut flights = Flights::new(1, 1);
        let seconds = Duration::from_secs;
        let places: Vec<Place> = (0..3).map(|_| flights.take(0).unwrap()).collect();
        for (at, place) in (1..).zip(&places) {
            flights.sent(seconds(at), *place, flight(0));
        }
        flights.land(places[0]);
        assert_eq!(flights.oldest(), Some(seconds(2)));
        assert_eq!(flights.overdue(seconds(1)), None);
        assert_eq!(flights.overdue(seconds(2)), Some(places[1]));
        assert_eq!(flights.again(seconds(9), places[1]), [7]);
        assert_eq!(flights.get(places[1]).unwrap().sent, 2);
        assert_eq!(flights.overdue(seconds(9)), Some(places[2]));
        flights.land(places[2]);
        assert_eq!(flights.overdue(seconds(8)), None);
        assert_eq!(flights.overdue(seconds(9)), Some(places[1]));
        assert_eq!(flights.len(), 1);
    }
}
