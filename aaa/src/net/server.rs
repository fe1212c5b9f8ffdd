//! Opens the RADIUS sockets and runs the workers.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use radius::replay::{HashSecret, Limits, ReplayCache};

use super::{
    socket::{Options, UdpSocket},
    worker::{Listener, MAX_LISTENERS, Shared, Worker},
};
use crate::{journal::Wake, policy::Port};

/// Most workers: more than cores only adds switches, and no machine of an ISP's edge has more.
pub const MAX_WORKERS: usize = 64;

/// Where and how to listen.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Addresses for authentication, by default port 1812 (RFC 2865 §3). Port 0 takes a free one.
    pub authentication: Vec<SocketAddr>,
    /// Addresses for accounting, by default port 1813 (RFC 2866 §3).
    pub accounting: Vec<SocketAddr>,
    /// Of these, what is left out with a warning where this machine cannot have it: IPv6 that nobody asked for by name.
    pub optional: Vec<SocketAddr>,
    /// Threads, 1 to [`MAX_WORKERS`]; one for each core.
    pub workers: usize,
    /// Receive buffer of each socket, octets. 8 MiB hold 10,000 requests: what 50,000 subscribers send in 12 s.
    pub receive_buffer: usize,
    /// Bounds of each worker's duplicate cache.
    pub duplicates: Limits,
}

/// The sockets could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there, or this one a second time.
    #[error(
        "the port of {address} is taken by another program, or by an rrnetd that runs already: stop it, or choose another port in \
         the configuration"
    )]
    Taken {
        /// The address.
        address: SocketAddr,
    },
    /// The process may not use this port.
    #[error("no right to listen on {address}: ports below 1024 need CAP_NET_BIND_SERVICE")]
    Denied {
        /// The address.
        address: SocketAddr,
    },
    /// The address is none of this machine's.
    #[error("the address of {address} is not on this machine")]
    NotOurs {
        /// The address.
        address: SocketAddr,
    },
    /// The kernel was built or started without IPv6.
    #[error("this kernel has no IPv6, and {address} needs it: leave it out of the configuration")]
    NoIpv6 {
        /// The address.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("listening on {address} failed")]
    Other {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// More addresses than a worker polls.
    #[error("too many RADIUS addresses: {MAX_LISTENERS} at the most, authentication and accounting together")]
    TooMany,
    /// The process is out of descriptors, threads or randomness.
    #[error("starting the RADIUS workers failed")]
    Resources(#[source] io::Error),
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            _ if source.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) => {
                Self::NoIpv6 { address }
            }
            io::ErrorKind::AddrInUse => Self::Taken { address },
            io::ErrorKind::PermissionDenied => Self::Denied { address },
            io::ErrorKind::AddrNotAvailable => Self::NotOurs { address },
            _ => Self::Other { address, source },
        }
    }
}

/// The sockets are open; nothing is answered yet.
pub struct Bound {
    workers: Vec<Vec<Listener>>,
    duplicates: Limits,
    authentication: Vec<SocketAddr>,
    accounting: Vec<SocketAddr>,
    /// The smallest receive buffer that the kernel granted, octets.
    receive_buffer: usize,
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("authentication", &self.authentication)
            .field("accounting", &self.accounting)
            .finish_non_exhaustive()
    }
}

impl Bound {
    /// Opens every socket of every worker.
    ///
    /// # Errors
    /// When an address is taken, not ours though not optional, or not allowed.
    pub fn open(listen: &Listen) -> Result<Self, BindError> {
        if listen.authentication.len() + listen.accounting.len() > MAX_LISTENERS {
            return Err(BindError::TooMany);
        }
        let count = listen.workers.clamp(1, MAX_WORKERS);
        let mut bound = Self {
            workers: (0..count).map(|_| Vec::new()).collect(),
            duplicates: listen.duplicates,
            authentication: Vec::new(),
            accounting: Vec::new(),
            receive_buffer: usize::MAX,
        };
        for (port, addresses) in
            [(Port::Authentication, &listen.authentication), (Port::Accounting, &listen.accounting)]
        {
            for address in addresses {
                let sockets = match open_group(*address, count, listen.receive_buffer) {
                    Err(error @ (BindError::NoIpv6 { .. } | BindError::NotOurs { .. }))
                        if listen.optional.contains(address) =>
                    {
                        tracing::warn!(%error, "RADIUS is not answered there");
                        continue;
                    }
                    opened => opened?,
                };
                for (worker, socket) in bound.workers.iter_mut().zip(sockets) {
                    bound.receive_buffer = bound.receive_buffer.min(socket.receive_buffer());
                    worker.push(Listener { socket, port });
                }
                let local = bound.workers[0].last().map_or(*address, |listener| listener.socket.local());
                match port {
                    Port::Authentication => bound.authentication.push(local),
                    Port::Accounting => bound.accounting.push(local),
                }
            }
        }
        Ok(bound)
    }

    /// The addresses that answer authentication.
    #[must_use]
    pub fn authentication(&self) -> &[SocketAddr] {
        &self.authentication
    }

    /// The addresses that answer accounting.
    #[must_use]
    pub fn accounting(&self) -> &[SocketAddr] {
        &self.accounting
    }

    /// The smallest receive buffer that the kernel granted, octets: less than asked for means that bursts get lost.
    #[must_use]
    pub const fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Starts the workers.
    ///
    /// # Errors
    /// When the system gives no thread, descriptor or randomness.
    pub fn start(self, shared: &Shared) -> Result<Running, BindError> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut running = Running { stop: Arc::clone(&stop), workers: Vec::new() };
        for (number, listeners) in self.workers.into_iter().enumerate() {
            let wake = Wake::new().map_err(BindError::Resources)?;
            let mut secret = [0; 16];
            getrandom::fill(&mut secret).map_err(|error| BindError::Resources(error.into()))?;
            let replay = ReplayCache::new(self.duplicates, HashSecret::new(secret));
            let worker =
                Worker::new(number, shared.clone(), listeners, wake.clone(), Arc::clone(&stop), replay);
            let thread = thread::Builder::new()
                .name(format!("radius-{number}"))
                .spawn(move || worker.run())
                .map_err(BindError::Resources)?;
            running.workers.push((wake, thread));
        }
        Ok(running)
    }
}

/// Opens `count` sockets that share the port of `address`.
fn open_group(address: SocketAddr, count: usize, receive_buffer: usize) -> Result<Vec<UdpSocket>, BindError> {
    let bind = |address, share_port| {
        UdpSocket::bind(address, Options { share_port, receive_buffer })
            .map_err(|error| BindError::new(address, error))
    };
    if address.port() != 0 {
        // Sharing a port with sockets of an older daemon of the same user would succeed, and each would get half of
        // the requests. One socket without sharing finds any other program on the port.
        drop(bind(address, false)?);
    }
    let first = bind(address, true)?;
    let address = SocketAddr::new(address.ip(), first.local().port());
    let mut sockets = vec![first];
    while sockets.len() < count {
        sockets.push(bind(address, true)?);
    }
    Ok(sockets)
}

/// The workers at work. Dropping it stops them.
#[derive(Debug)]
pub struct Running {
    stop: Arc<AtomicBool>,
    workers: Vec<(Wake, JoinHandle<()>)>,
}

impl Running {
    /// Stops reading, answers what its records make durable, and ends the threads. Waits for them.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        for (wake, _) in &self.workers {
            wake.notify();
        }
        for (_, thread) in self.workers.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a RADIUS worker ended with a panic");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(addresses: &[&str], optional: &[&str]) -> Result<Bound, BindError> {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Bound::open(&Listen {
            authentication: parse(addresses),
            accounting: Vec::new(),
            optional: parse(optional),
            workers: 1,
            receive_buffer: 65_536,
            duplicates: Limits::default(),
        })
    }

    /// An address for documentation, which no machine has (RFC 3849), in the place of a family that this one lacks.
    #[test]
    fn what_the_machine_lacks_is_left_out_only_when_it_is_optional() {
        let (here, nowhere) = ("127.0.0.1:0", "[2001:db8::1]:0");
        let error = open(&[here, nowhere], &[]).unwrap_err();
        assert!(matches!(error, BindError::NotOurs { .. } | BindError::NoIpv6 { .. }), "{error}");
        let bound = open(&[here, nowhere], &[nowhere]).unwrap();
        assert_eq!(bound.authentication().len(), 1);
        let taken = bound.authentication()[0].to_string();
        let error = open(&[&taken], &[&taken]).unwrap_err();
        assert!(
            matches!(error, BindError::Taken { .. }),
            "another program's port is never passed over: {error}"
        );
    }
}
