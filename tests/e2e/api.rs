//! A client of the API, signed in as the super admin, acting for the demo tenant.

use reqwest::{
    Client, Method, RequestBuilder,
    header::{ETAG, IF_MATCH},
};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::harness::Daemon;

/// What the printed password is replaced with.
pub(crate) const PASSWORD: &str = "a long enough one";

/// The client.
pub(crate) struct Api {
    runtime: Runtime,
    client: Client,
    base: String,
    token: String,
    tenant: Option<String>,
}

impl Api {
    /// The first time: the printed password must be replaced before anything else, with [`PASSWORD`].
    pub(crate) fn first(daemon: &Daemon) -> Self {
        let printed = daemon.password();
        let api = Self::try_sign_in(daemon, &printed).expect("the printed password is right");
        let (status, answer, _) = api.call(Method::GET, "/tenants", None, None);
        assert_eq!((status, answer["code"].as_str()), (403, Some("password_expired")));
        api.post("/me/password", &json!({ "current": printed, "new": PASSWORD }));
        Self::again(daemon)
    }

    /// Each time after: acts for the first tenant.
    pub(crate) fn again(daemon: &Daemon) -> Self {
        Self::with_password(daemon, PASSWORD)
    }

    /// The same with another password.
    pub(crate) fn with_password(daemon: &Daemon, password: &str) -> Self {
        let mut api = Self::try_sign_in(daemon, password).expect("the password is right");
        let tenants = api.tenants();
        api.tenant = Some(tenants[0]["id"].as_str().unwrap().to_owned());
        api
    }

    /// Signs in; else the status.
    pub(crate) fn try_sign_in(daemon: &Daemon, password: &str) -> Result<Self, u16> {
        Self::try_sign_in_as(daemon, "admin", password)
    }

    /// The same for somebody else.
    pub(crate) fn try_sign_in_as(daemon: &Daemon, login: &str, password: &str) -> Result<Self, u16> {
        let mut api = Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            client: client(),
            base: format!("http://{}/api/v1", daemon.ready.http),
            token: String::new(),
            tenant: None,
        };
        let body = json!({ "login": login, "password": password });
        let (status, answer, _) = api.call(Method::POST, "/login", None, Some(&body));
        if status != 200 {
            return Err(status);
        }
        api.token = answer["token"].as_str().unwrap().to_owned();
        Ok(api)
    }

    /// All tenants.
    pub(crate) fn tenants(&self) -> Value {
        self.get("/tenants").0["rows"].clone()
    }

    /// What is there, and its tag.
    pub(crate) fn get(&self, path: &str) -> (Value, String) {
        let (status, answer, tag) = self.call(Method::GET, path, None, None);
        assert_eq!(status, 200, "{path}: {answer}");
        (answer, tag)
    }

    /// Makes one.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer, _) = self.call(Method::POST, path, None, Some(body));
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// Replaces one that still has this tag.
    pub(crate) fn put(&self, path: &str, tag: &str, body: &Value) -> Value {
        let (status, answer, _) = self.call(Method::PUT, path, Some(tag), Some(body));
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Tries to replace one; the status.
    pub(crate) fn try_put(&self, path: &str, tag: &str, body: &Value) -> u16 {
        self.call(Method::PUT, path, Some(tag), Some(body)).0
    }

    /// Removes one, whatever its version.
    pub(crate) fn delete(&self, path: &str) {
        let (status, answer, _) = self.call(Method::DELETE, path, Some("*"), None);
        assert_eq!(status, 204, "{path}: {answer}");
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        tag: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, Value, String) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(tenant) = self.tenant.as_deref().filter(|_| !path.starts_with("/tenants")) {
            request = request.header("Rrnetd-Tenant", tenant).header("Rrnetd-Reason", "a test");
        }
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.runtime.block_on(send(request))
    }
}

/// A client; the first one makes the process's choice of cryptography, which every client asks for.
pub(crate) fn client() -> Client {
    let _made_before = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

async fn send(request: RequestBuilder) -> (u16, Value, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let tag = response.headers().get(ETAG).map_or("", |tag| tag.to_str().unwrap()).to_owned();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null), tag)
}

/// The metric with this name, labels included; `None` while there is none.
pub(crate) fn metric(daemon: &Daemon, name: &str) -> Option<f64> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let text = runtime.block_on(async {
        let answer = client().get(format!("http://{}/metrics", daemon.ready.http)).send().await.unwrap();
        assert!(answer.status().is_success());
        answer.text().await.unwrap()
    });
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}
