//! HTTP/2 on a connection that was upgraded to it (h2c), written by hand. It is just enough for one
//! request and its answer.
//!
//! Stream 1 belongs to the request that asked for the upgrade. Ours is stream 3, and only its data is
//! looked at.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Result, app::Answer};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const OURS: [u8; 4] = [0, 0, 0, 3];

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Sends a request with these fields, and returns the application's answer. `None` if something else, or
/// nothing, comes back.
pub(crate) async fn ask<S>(mut stream: S, fields: &[(&str, &str)]) -> Result<Option<Answer>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal that is not indexed (RFC 7541 §6.2.2). The texts have no Huffman coding.
        block.push(0);
        for text in [name, value] {
            // The length of a longer text would need more than one byte.
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).ok_or("long")?);
            block.extend(text.as_bytes());
        }
    }
    let request = [
        PREFACE,
        &frame(SETTINGS, 0, [0; 4], &[])?,
        &frame(HEADERS, END_STREAM | END_HEADERS, OURS, &block)?,
    ];
    let mut data = Vec::new();
    if stream.write_all(&request.concat()).await.is_err() {
        return Ok(None);
    }
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return Ok(None);
        }
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]).try_into()?];
        if stream.read_exact(&mut payload).await.is_err() {
            return Ok(None);
        }
        if id != OURS {
            continue;
        }
        if kind == DATA {
            data.extend(payload);
        }
        // A reset, or the end of the stream.
        if !matches!(kind, DATA | HEADERS) || flags & END_STREAM != 0 {
            return Ok(serde_json::from_slice(&data).ok());
        }
    }
}

fn frame(kind: u8, flags: u8, stream: [u8; 4], payload: &[u8]) -> Result<Vec<u8>> {
    let [_, length @ ..] = u32::try_from(payload.len())?.to_be_bytes();
    Ok([&length[..], &[kind, flags], &stream, payload].concat())
}
