//! The application on a fresh database, with a super admin, and a client that drives it.

use std::{net::SocketAddr, sync::Arc};

use aaa::{
    directory::{Directory, DirectoryWriter, HASH_KEY_OCTETS, HashKey},
    journal::{self, Journal},
    live::Live,
    policy::{self, ClassKey, Policy},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
};
use base::{Clock, MockClock, Platform, Scope, SecretBytes, SecretString, TenantId, seal::Sealer};
use foundation::testing::{NOW, TestDb};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use metrics_exporter_prometheus::PrometheusBuilder;
use rrnetd::{
    daemon::job_catalogue::for_operators,
    domain::{
        access::{self, Authority, Cost, LoginThrottle, NewUser, PasswordPool, Role},
        tenant::{self, TenantSpec},
    },
    http::{Api, Entry, JobKind, Observed, Reloadable, Settings, State},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Whoever signs in here signs in with it.
pub(crate) const PASSWORD: &str = "a long enough one";
/// Where requests come from unless they say otherwise.
pub(crate) const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 10)), 40_000);

/// The application, and hands into what stands behind it.
pub(crate) struct Rig {
    pub(crate) db: TestDb,
    pub(crate) hand: MockClock,
    pub(crate) clock: Clock,
    pub(crate) live: Arc<Live>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) directory: DirectoryWriter,
    pub(crate) routes: Vec<Entry>,
    pub(crate) document: Value,
    pub(crate) journal: Arc<Journal>,
    pub(crate) sealer: Arc<Sealer>,
    /// Who listens to events.
    pub(crate) streams: rrnetd::http::Streams,
    /// Ends the live streams.
    pub(crate) stop: CancellationToken,
    pub(crate) passwords: Arc<PasswordPool>,
    router: Router,
    _folder: tempfile::TempDir,
}

/// A tenant with its owner's session token.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) scope: Scope,
    pub(crate) owner: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A request to be.
pub(crate) struct Call<'a> {
    rig: &'a Rig,
    request: http::request::Builder,
    body: Body,
    peer: Option<SocketAddr>,
}

/// What an authenticator application shows (RFC 6238), written apart from the daemon's own.
pub(crate) fn totp(secret: &[u8], now: base::Timestamp) -> String {
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(secret).unwrap();
    mac.update(&(now.as_millis() / 30_000).to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes(digest[offset..offset + 4].try_into().unwrap()) & (u32::MAX >> 1);
    format!("{:06}", number % 1_000_000)
}

impl Rig {
    pub(crate) async fn new(db: TestDb) -> Self {
        Self::with(db, Settings::default()).await
    }

    pub(crate) async fn with(db: TestDb, settings: Settings) -> Self {
        let (clock, hand) = Clock::mock(NOW);
        let folder = tempfile::tempdir().unwrap();
        let config = journal::Config {
            segment_octets: 2 << 20,
            group_octets: 1 << 20,
            ..journal::Config::new(folder.path().join("journal"), db.identity().await.unwrap())
        };
        let journal = Arc::new(Journal::open(config, clock.clone()).unwrap());
        let (directory, writer) = Directory::create(HashKey::new([7; HASH_KEY_OCTETS]));
        let live = Arc::new(Live::new([3; 16]));
        let settings_of_policy = policy::Settings {
            class_key: ClassKey::new([1; 16]),
            chargeable_user_identity: false,
            throttle_key: [2; 16],
        };
        let policy = Arc::new(Policy::new(Arc::clone(&directory), Arc::clone(&live), settings_of_policy));
        let sealer = Arc::new(Sealer::new([(1, [9; 32])]).unwrap());
        let passwords = Arc::new(PasswordPool::new(Cost::TEST).unwrap());
        let stop = CancellationToken::new();
        let streams =
            rrnetd::http::Streams::new(stop.clone()).with_patience(std::time::Duration::from_secs(4));
        let state = State {
            db: (*db).clone(),
            sealer: Arc::clone(&sealer),
            passwords: Arc::clone(&passwords),
            fingerprint_key: SecretBytes::new(vec![5; 16]),
            throttle: Arc::new(LoginThrottle::new()),
            dictionary: Reloadable::new(radius::dictionary::builtin::dictionary().unwrap()),
            clock: clock.clone(),
            observed: Observed {
                directory,
                live: Arc::clone(&live),
                policy: Arc::clone(&policy),
                journal: Arc::clone(&journal),
            },
            streams: streams.clone(),
            job_kinds: [for_operators(), vec![JobKind { name: "chore", does: "a test", comes_from: None }]]
                .concat(),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            settings: Reloadable::new(settings),
        };
        let Api { router, routes, document } = rrnetd::http::router(state).unwrap();
        Self {
            db,
            hand,
            clock,
            live,
            policy,
            directory: writer,
            routes,
            document: serde_json::to_value(document).unwrap(),
            journal,
            sealer,
            streams,
            stop,
            passwords,
            router,
            _folder: folder,
        }
    }

    pub(crate) fn platform(&self) -> Platform {
        Platform::system("test", self.clock.wall())
    }

    /// A super admin's session token.
    pub(crate) async fn admin(&self) -> String {
        self.user(None, "root", Role::SuperAdmin).await;
        self.login("root", None).await
    }

    /// A tenant with an owner.
    pub(crate) async fn tenant(&self, slug: &str) -> Tenant {
        let mut tx = self.db.begin().await.unwrap();
        let tenant = tenant::create(&mut tx, &self.platform(), TenantSpec::new(slug, slug)).await.unwrap();
        tx.commit().await.unwrap();
        let scope = self.platform().within(tenant.id);
        let login = format!("owner@{slug}.test");
        self.user(Some(&scope), &login, Role::Owner).await;
        Tenant { id: tenant.id, owner: self.login(&login, Some(slug)).await, scope }
    }

    pub(crate) async fn user(&self, scope: Option<&Scope>, login: &str, role: Role) {
        let password = self.passwords.prepare(Some(SecretString::new(PASSWORD.into()))).await.unwrap();
        let new = NewUser { login: login.into(), name: login.into(), role, role_id: None };
        let own = Authority::of(Role::SuperAdmin);
        let mut tx = self.db.begin().await.unwrap();
        match scope {
            Some(scope) => access::create_user(&mut tx, scope, &own, new, &password).await,
            None => access::create_user(&mut tx, &self.platform(), &own, new, &password).await,
        }
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// The token of a fresh session.
    pub(crate) async fn login(&self, login: &str, tenant: Option<&str>) -> String {
        let body = serde_json::json!({ "login": login, "tenant": tenant, "password": PASSWORD });
        let answer = self.post("/api/v1/login").json(&body).send().await;
        answer.expect(200)["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            rig: self,
            request: Request::builder().method(method).uri(path),
            body: Body::empty(),
            peer: Some(ADDRESS),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }
}

impl Call<'_> {
    pub(crate) fn token(self, token: &str) -> Self {
        self.header(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: impl TryInto<HeaderName>, value: &str) -> Self {
        let name = name.try_into().unwrap_or_else(|_| panic!("no header name"));
        self.request = self.request.header(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// Within this tenant, as somebody of the platform.
    pub(crate) fn within(self, tenant: TenantId) -> Self {
        self.header("rrnetd-tenant", &tenant.to_string())
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub(crate) fn raw(mut self, kind: &str, body: impl Into<Body>) -> Self {
        self = self.header(header::CONTENT_TYPE, kind);
        self.body = body.into();
        self
    }

    pub(crate) fn peer(mut self, peer: Option<&str>) -> Self {
        self.peer = peer.map(|address| SocketAddr::new(address.parse().unwrap(), 40_000));
        self
    }

    /// The answer as it comes, for one that has no end.
    pub(crate) async fn open(self) -> http::Response<Body> {
        let mut request = self.request.body(self.body).unwrap();
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        self.rig.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let (parts, body) = self.open().await.into_parts();
        // A stream has no end; whoever wants its frames opens it.
        let is_stream =
            parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body = if is_stream { Body::empty() } else { body };
        let octets = to_bytes(body, 16 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(octets.to_vec()).unwrap(),
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The body, when the status is this one.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Checks that it is this problem, and gives its document.
    #[track_caller]
    pub(crate) fn problem(&self, code: &str) -> Value {
        let problem = self.json();
        assert_eq!(problem["code"], code, "{} {}", self.status, self.text);
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        problem
    }

    pub(crate) fn header(&self, name: impl TryInto<HeaderName>) -> Option<&str> {
        let name = name.try_into().unwrap_or_else(|_| panic!("no header name"));
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
