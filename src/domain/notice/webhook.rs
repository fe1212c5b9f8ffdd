//! Notices to an HTTP endpoint, signed as Standard Webhooks says: a receiver knows who sent it, and refuses what is old or
//! came before.

use std::time::Duration;

use base::{SecretBytes, SecretString, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, StatusCode, header, redirect};
use sha2::Sha256;

use super::Notice;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the whole of an attempt may take.
const WHOLE: Duration = Duration::from_secs(30);
/// Where notices are posted to.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The address. Secret, since who knows it may be all that a receiver asks.
    pub url: SecretString,
    /// What notices are signed with.
    pub key: SecretBytes,
}

/// A notice could not be posted. Says nothing of the address.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The client cannot be made: the system's certificates are missing, for one.
    #[error("the HTTP client cannot be made: are the system's certificates (ca-certificates) installed?")]
    Client(#[source] reqwest::Error),
    /// No answer.
    #[error("the receiver cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Another answer than 2xx; redirects are not followed.
    #[error("the receiver answered {0}")]
    Refused(StatusCode),
    /// The notice cannot be written as JSON.
    #[error("the notice cannot be written")]
    Json(#[from] serde_json::Error),
}

impl Webhook {
    /// Posts it once; what the receiver answered.
    ///
    /// # Errors
    /// Unless the receiver answered 2xx.
    pub async fn send(&self, notice: &Notice, now: Timestamp) -> Result<String, WebhookError> {
        let body = notice.json()?;
        let seconds = now.as_millis().div_euclid(1_000).to_string();
        let request = client()?
            .post(self.url.expose())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", &seconds)
            .header("webhook-signature", sign(&self.key, &notice.id, &seconds, &body))
            .body(body);
        let response =
            request.send().await.map_err(|error| WebhookError::Unreachable(error.without_url()))?;
        // What else it says is not read: it may be endless, or repeat the address.
        let status = response.status();
        if status.is_success() { Ok(status.to_string()) } else { Err(WebhookError::Refused(status)) }
    }
}

/// A client for one attempt: attempts are few, and each sees the system's certificates as they are.
fn client() -> Result<Client, WebhookError> {
    // The process's choice is made once; that it was made before is no failure.
    let _made_before = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("rrnetd/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .build()
        .map_err(|error| WebhookError::Client(error.without_url()))
}

/// `v1,` and the base64 of the HMAC-SHA256 over id, time and body.
fn sign(key: &SecretBytes, id: &str, seconds: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn the_vector_of_the_standard() {
        let key = SecretBytes::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
