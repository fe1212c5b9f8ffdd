//! What a webhook takes from its receiver, and what not.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{super::WebhookError, *};

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::default();
    let target = elsewhere.clone().start(&[]).await;
    let redirecting = Receiver { location: Some(target.url.expose().to_owned()), ..Receiver::default() };
    for status in [StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
        let webhook = redirecting.clone().start(&[status]).await;
        let error = webhook.send(&notice(), NOW).await.unwrap_err();
        assert!(matches!(error, WebhookError::Refused(found) if found == status), "{error:?}");
    }
    assert!(elsewhere.got().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = webhook(&format!("http://{}", listener.local_addr().unwrap()));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        let _octets = stream.read(&mut request).await.unwrap();
        let mut written = 0_u64;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {
            written += 65_536;
        }
        written
    });
    assert_eq!(webhook.send(&notice(), NOW).await.unwrap(), "200 OK");
    // What lies in the buffers of the system when the connection is closed, and no more.
    assert!(server.await.unwrap() < 64 << 20);
}

/// A client that spoke plainly would begin with `P`.
#[tokio::test]
async fn an_https_receiver_is_spoken_to_under_tls() {
    const HANDSHAKE: u8 = 22;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = webhook(&format!("https://{}{PATH}", listener.local_addr().unwrap()));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap()
    });
    let error = webhook.send(&notice(), NOW).await.unwrap_err();
    assert!(matches!(error, WebhookError::Unreachable(_)), "{error:?}");
    assert_eq!(server.await.unwrap(), HANDSHAKE);
    assert!(!format!("{error:?}").contains("nobody-guesses"), "{error:?}");
}
