//! A cable between a test and the PostgreSQL server, which the test can pull out and plug in again.

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinSet,
};

/// Carries connections to a server while it is plugged in. Without it, new ones are refused and old ones are cut.
#[derive(Debug)]
pub struct Cable {
    server: String,
    address: SocketAddr,
    plugged: Mutex<Option<JoinSet<()>>>,
}

impl Cable {
    /// A plugged cable to `server`, `HOST:PORT`.
    ///
    /// # Panics
    /// When there is no free port on loopback.
    pub async fn new(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("{error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let cable = Self { server: server.to_owned(), address, plugged: Mutex::new(None) };
        *cable.plugged.lock().await = Some(cable.carry(listener));
        cable
    }

    /// This end of it.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection and refuses new ones.
    pub async fn pull(&self) {
        if let Some(mut carried) = self.plugged.lock().await.take() {
            carried.shutdown().await;
        }
    }

    /// Takes connections again, at the same address.
    ///
    /// # Panics
    /// When somebody took the port meanwhile.
    pub async fn plug(&self) {
        // With SO_REUSEADDR, which tokio sets: cut connections linger at this port.
        let listener = TcpListener::bind(self.address).await.unwrap_or_else(|error| panic!("{error}"));
        *self.plugged.lock().await = Some(self.carry(listener));
    }

    fn carry(&self, listener: TcpListener) -> JoinSet<()> {
        let server = self.server.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // Ends with the listener's task: a set that is dropped cuts what it carries.
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let server = server.clone();
                connections.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(server).await {
                        // Either end may break it off.
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        tasks
    }
}
