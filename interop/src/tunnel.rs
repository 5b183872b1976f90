//! The results of CONNECT (RFC 9110 §9.3.6), and of a second request on the same connection.
//!
//! A proxy may relay CONNECT and, after a 2xx, everything that follows, in both directions. If the upstream
//! treats CONNECT as just another method, it goes on reading requests. Then the client writes them itself,
//! with any header, from the proxy's address. So a 2xx is right only if the proxy goes on reading too.

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

/// After this much silence, nobody has read the second request.
const SILENCE: Duration = Duration::from_secs(2);

/// Reads the reply to CONNECT, which has been sent. If that is a 2xx, sends this second request, and returns
/// the reply to it.
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
            // The body does not matter.
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

/// The reply to the second request. `received` came after the head of the first reply.
pub(crate) async fn second<S>(mut stream: S, mut received: Vec<u8>, then: &str) -> Result<Reply>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A peer that hangs up now has not read it.
    let _ = stream.write_all(then.as_bytes()).await;
    loop {
        // No answer of the application contains these bytes.
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
