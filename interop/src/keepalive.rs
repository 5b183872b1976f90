//! One client's connection, which is reused for as long as the proxy keeps it open.
//!
//! Every response must end where it says that it ends. Bytes after it are an error, and so are an early
//! end and silence for 10 s.

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

/// A client, and its connection if one is open.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    stream: Option<TcpStream>,
    received: Vec<u8>,
    opened: u64,
}

impl Connection {
    /// Makes one that is not connected yet.
    pub fn new(client: Client) -> Self {
        Self { client, stream: None, received: Vec::new(), opened: 0 }
    }

    /// How often a connection was opened.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Sends one head, which is a whole request, and reads the whole response. After an error, the
    /// next request opens another connection.
    ///
    /// # Errors
    ///
    /// If the connection fails, nothing answers within 10 s, or the response does not end where it says.
    pub async fn send(&mut self, head: &str) -> Result<Reply> {
        timeout(PATIENCE, self.exchange(head)).await.context("no answer within 10 s")?
    }

    async fn exchange(&mut self, head: &str) -> Result<Reply> {
        // It is put back only if it can be used again.
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.opened += 1;
                let stream = self.client.connect().await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        // A proxy may answer and hang up before it has read everything.
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
