//! Notices by mail, through the operator's relay.

use std::time::{Duration, UNIX_EPOCH};

use base::SecretString;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
    transport::smtp,
};

use super::Notice;

/// How long the relay may take for one step.
const STEP: Duration = Duration::from_secs(15);

/// Who gets mail, and through which relay.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `smtps://…` for TLS from the start, `smtp://…?tls=required` for STARTTLS, which must succeed before a password is
    /// sent, `smtp://…` for none. May hold a login.
    pub relay: SecretString,
    /// From whom.
    pub from: Mailbox,
    /// To whom.
    pub to: Vec<Mailbox>,
}

/// A notice could not be mailed. Says nothing of the login.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The mail cannot be written.
    #[error("the mail cannot be written")]
    Message(#[from] lettre::error::Error),
    /// The relay cannot be reached, or does not take it.
    #[error("the relay does not take the mail")]
    Relay(#[from] smtp::Error),
}

/// Tells other programs not to answer (RFC 3834).
#[derive(Clone, Copy, Debug)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mail {
    /// Mails it once; what the relay answered.
    ///
    /// # Errors
    /// Unless the relay took it for everybody.
    pub async fn send(&self, notice: &Notice) -> Result<String, MailError> {
        let relay =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(self.relay.expose())?.timeout(Some(STEP)).build();
        let answer = relay.send(self.message(notice)?).await?;
        Ok(answer.code().to_string())
    }

    fn message(&self, notice: &Notice) -> Result<Message, lettre::error::Error> {
        let since = Duration::from_millis(u64::try_from(notice.at.as_millis()).unwrap_or(0));
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(notice.subject())
            .date(UNIX_EPOCH + since)
            // The same each time, so that what comes twice is shown once.
            .message_id(Some(format!("<{}@rrnetd.invalid>", notice.id)))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        message.body(notice.text())
    }
}
