//! One client's connection, which is used again for as long as the proxy keeps it.
//!
//! Every response must end where it says: bytes after it, or an end before it, are errors. So is
//! silence for 10 s.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    Context, Result,
    client::{Client, PATIENCE, Reply},
    response,
};

/// A client, and its connection while there is one.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    stream: Option<TcpStream>,
    received: Vec<u8>,
    opened: u64,
}

impl Connection {
    /// Not connected yet.
    pub fn new(client: Client) -> Self {
        Self { client, stream: None, received: Vec::new(), opened: 0 }
    }

    /// How often it was opened.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Sends one head, which is a whole request, and reads the whole response. After an error, the
    /// next request opens another connection.
    ///
    /// # Errors
    ///
    /// Where no connection is made, none answers within 10 s, or the response does not end where it
    /// says.
    pub async fn send(&mut self, head: &str) -> Result<Reply> {
        timeout(PATIENCE, self.exchange(head)).await.context("no answer within 10 s")?
    }

    async fn exchange(&mut self, head: &str) -> Result<Reply> {
        // Put back only where it can be used again.
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.opened += 1;
                let stream = self.client.connect().await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        // A proxy may answer, and hang up, before it has read all.
        let _ = stream.write_all(head.as_bytes()).await;
        self.received.clear();
        loop {
            if let Some(response) = response::parse(&self.received)? {
                if response.is_complete(&self.received)? {
                    if response.keeps() {
                        self.stream = Some(stream);
                    }
                    return Ok(response.reply);
                }
            }
            match stream.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if self.received.is_empty() {
            return Ok(Reply::Refused(None));
        }
        match response::parse(&self.received)? {
            Some(response) if response.ends_with_connection() => Ok(response.reply),
            _ => Err("half a response".into()),
        }
    }
}
