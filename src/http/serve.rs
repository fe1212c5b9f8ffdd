//! Takes connections in. There are only so many at a time, in all and from one address, and a request's head must come
//! within a while: whoever opens connections and says nothing takes neither the files that the journal and the database
//! need, nor anybody else's place.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// How many connections, and how long each may take to say what it wants.
#[derive(Clone, Debug)]
pub struct Connections {
    /// At a time, in all.
    pub most: usize,
    /// At a time, from one address: an office behind one address has a few dozen browsers' worth.
    pub most_of_one: usize,
    /// Addresses that [`Self::most_of_one`] does not hold for: proxies, which stand for many, and this machine.
    pub proxies: Vec<IpAddr>,
    /// How long the head of a request may take, and how long a connection may stay silent between two.
    pub head_within: Duration,
}

impl Connections {
    /// With half of the files that the process may open, so that the journal and the database never lack one.
    #[must_use]
    pub fn new(mut proxies: Vec<IpAddr>) -> Self {
        proxies.extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let half = files.map_or(MOST, |files| usize::try_from(files / 2).unwrap_or(MOST));
        Self { most: half.min(MOST), most_of_one: 128, proxies, head_within: Duration::from_secs(20) }
    }
}

/// Connections beyond this many would only wait for the database.
const MOST: usize = 8_192;
/// The longest head of a request, octets; beyond it the answer is 431.
const MAX_HEAD: usize = 64 * 1024;
/// When a connection cannot be taken in for want of files, others may end meanwhile.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `shutdown`; returns when the answers that were begun are done.
pub async fn serve(listener: TcpListener, router: Router, limits: Connections, shutdown: CancellationToken) {
    let (tracker, doorway) = (TaskTracker::new(), Doorway::new(limits.most));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                metrics::counter!("rrnetd_http_connections_refused_total", "reason" => "accept").increment(1);
                tracing::debug!(%error, "a connection could not be taken in");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let most =
            if limits.proxies.contains(&peer.ip().to_canonical()) { limits.most } else { limits.most_of_one };
        match doorway.admit(peer.ip(), most) {
            Ok(place) => {
                let (router, within) = (router.clone(), limits.head_within);
                let shutdown = shutdown.clone();
                tracker.spawn(async move {
                    converse(stream, peer, router, within, shutdown).await;
                    drop(place);
                });
            }
            Err(reason) => {
                metrics::counter!("rrnetd_http_connections_refused_total", "reason" => reason).increment(1);
            }
        }
    }
    drop(listener);
    tracker.close();
    tracker.wait().await;
}

/// Answers what comes over one connection until it ends.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head_within: Duration,
    shutdown: CancellationToken,
) {
    // Answers are written whole: waiting for more to send would only delay them.
    let _best_effort = stream.set_nodelay(true);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            let answered: Result<_, Infallible> = router.oneshot(request.map(Body::new)).await;
            answered
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients come and go as they like.
        tracing::debug!(%error, %peer, "a connection broke off");
    }
}

/// Who is in.
#[derive(Debug)]
struct Doorway {
    places: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
struct Place {
    address: IpAddr,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Doorway {
    fn new(most: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(most)), by_address: Arc::default() }
    }

    /// A place for whoever comes from `address`, of which there are `most`; else what there are too many of.
    fn admit(&self, address: IpAddr, most: usize) -> Result<Place, &'static str> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| "all")?;
        let address = address.to_canonical();
        let mut by_address = self.by_address.lock();
        let taken = by_address.entry(address).or_default();
        if *taken >= most {
            return Err("address");
        }
        *taken += 1;
        Ok(Place { address, by_address: Arc::clone(&self.by_address), _place: place })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.by_address.lock();
        if let Some(taken) = by_address.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    struct Served {
        address: SocketAddr,
        shutdown: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    async fn served(limits: Connections) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()));
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
        Served { address, shutdown, task }
    }

    async fn ask(stream: &mut TcpStream, text: &str) -> String {
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is cut may say so with an error or with its end.
        let _cut = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn who_says_nothing_is_sent_away() {
        let limits = Connections { head_within: Duration::from_millis(50), ..Connections::new(Vec::new()) };
        let served = served(limits).await;
        for beginning in ["", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: "] {
            let mut slow = TcpStream::connect(served.address).await.unwrap();
            let answer = ask(&mut slow, beginning).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let own = stream.local_addr().unwrap().to_string();
        let answer = ask(&mut stream, REQUEST).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(&own), "{answer}");
        served.shutdown.cancel();
        served.task.await.unwrap();
    }

    /// Each octet comes soon after the one before, and the head still never ends.
    #[tokio::test]
    async fn who_trickles_a_head_is_sent_away() {
        let limits = Connections { head_within: Duration::from_millis(100), ..Connections::new(Vec::new()) };
        let served = served(limits).await;
        let mut slow = TcpStream::connect(served.address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nA: ").await.unwrap();
        let (mut reader, mut writer) = slow.split();
        let trickle = async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            // It ends when the connection does.
            while writer.write_all(b"x").await.is_ok() {
                tick.tick().await;
            }
        };
        let cut = async {
            let mut answer = Vec::new();
            let _cut = reader.read_to_end(&mut answer).await;
            String::from_utf8(answer).unwrap()
        };
        let answer = tokio::select! {
            answer = cut => answer,
            () = trickle => String::new(),
        };
        assert!(!answer.contains("200 OK"), "{answer}");
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        assert!(ask(&mut stream, REQUEST).await.starts_with("HTTP/1.1 200 OK"));
        served.shutdown.cancel();
        served.task.await.unwrap();
    }

    #[tokio::test]
    async fn one_address_takes_only_so_many_places() {
        let limits = Connections { most_of_one: 2, proxies: Vec::new(), ..Connections::new(Vec::new()) };
        let served = served(limits).await;
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(served.address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            held.push(stream);
        }
        // Connections are taken in one after another: behind this one's end the two before are in.
        let mut third = TcpStream::connect(served.address).await.unwrap();
        assert_eq!(ask(&mut third, "").await, "");
        let mut first = held.remove(0);
        let answer = ask(&mut first, "Host: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        drop(first);
        // The place is given back; the server learns of the end in its own time.
        loop {
            let mut again = TcpStream::connect(served.address).await.unwrap();
            if ask(&mut again, REQUEST).await.starts_with("HTTP/1.1 200") {
                break;
            }
        }
        served.shutdown.cancel();
        served.task.await.unwrap();
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let doorway = Doorway::new(3);
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let places = [doorway.admit(address(1), 2).unwrap(), doorway.admit(address(1), 2).unwrap()];
        assert_eq!(doorway.admit(address(1), 2).unwrap_err(), "address");
        let other = doorway.admit(address(2), 2).unwrap();
        assert_eq!(doorway.admit(address(3), 2).unwrap_err(), "all");
        drop((places, other));
        assert!(doorway.by_address.lock().is_empty());
        assert!(doorway.admit(address(1), 2).is_ok());
    }
}
