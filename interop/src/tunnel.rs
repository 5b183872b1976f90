//! What comes of CONNECT (RFC 9110 §9.3.6), and of a second request on the same connection.
//!
//! A proxy may relay CONNECT, and after a 2xx whatever comes, both ways. Who stands behind, and takes it for
//! one more method, goes on reading requests: then the client writes them itself, with any header, from
//! the proxy's address. So a 2xx is only right where the proxy goes on reading too.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::{
    Result,
    client::Reply,
    response::{self, head_length},
};

/// Who has said nothing for so long has not read a second request.
const SILENCE: Duration = Duration::from_secs(2);

/// The reply to CONNECT, which has been sent; where that is a 2xx, the reply to this second request.
pub(crate) async fn ask<S>(mut stream: S, then: &str) -> Result<Reply>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut received = Vec::new();
    loop {
        match head_length(&received)? {
            Some((200..300, length)) => {
                return second(stream, received.split_off(length), then).await;
            }
            // No body says more.
            Some(_) => {
                let response = response::parse(&received)?;
                return Ok(response.map_or(Reply::Refused(None), |response| response.reply));
            }
            None => {}
        }
        if stream.read_buf(&mut received).await.unwrap_or_default() == 0 {
            return Ok(Reply::Refused(None));
        }
    }
}

/// The reply to the second request, where this came after the head of the first.
pub(crate) async fn second<S>(mut stream: S, mut received: Vec<u8>, then: &str) -> Result<Reply>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Whoever hangs up now has not read it.
    let _ = stream.write_all(then.as_bytes()).await;
    loop {
        // No answer of the application has these bytes in it.
        if let Some(start) = received.windows(7).position(|bytes| bytes == b"HTTP/1.") {
            let rest = received.get(start..).unwrap_or_default();
            if let Some(response) = response::parse(rest)? {
                return Ok(response.reply);
            }
        }
        match timeout(SILENCE, stream.read_buf(&mut received)).await {
            Ok(Ok(1..)) => {}
            _ => return Ok(Reply::Tunnel),
        }
    }
}
