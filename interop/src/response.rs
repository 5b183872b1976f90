//! HTTP/1 responses: what they say, and where they end.

use crate::{
    Context, Result,
    app::{ANSWERED, REJECTED},
    client::Reply,
};

/// A response. Enough of it has arrived to know what it says.
#[derive(Debug)]
pub(crate) struct Response {
    /// What it says.
    pub(crate) reply: Reply,
    /// Where it ends.
    end: End,
    /// Whether its sender accepts another request after it.
    keeps: bool,
}

#[derive(Debug)]
enum End {
    /// After this many bytes.
    At(usize),
    /// After the last chunk.
    WithLastChunk,
    /// With the connection.
    WithConnection,
}

impl Response {
    /// Whether it is complete.
    ///
    /// # Errors
    ///
    /// If bytes follow it, because nobody asked for them.
    pub(crate) fn is_complete(&self, received: &[u8]) -> Result<bool> {
        match self.end {
            End::At(end) if received.len() > end => Err("bytes after the response".into()),
            End::At(end) => Ok(received.len() == end),
            // No answer of the application contains these bytes.
            End::WithLastChunk => Ok(received.ends_with(b"\r\n0\r\n\r\n")),
            End::WithConnection => Ok(false),
        }
    }

    /// Whether it is complete when the connection ends.
    pub(crate) fn ends_with_connection(&self) -> bool {
        matches!(self.end, End::WithConnection)
    }

    /// Whether its sender accepts another request after it.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps
    }
}

/// The status and the length of a response's head, once the head is complete.
///
/// # Errors
///
/// If it is not a response's head.
pub(crate) fn head_length(received: &[u8]) -> Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    Ok(match response.parse(received).context("odd response head")? {
        httparse::Status::Complete(length) => Some((response.code.context("no status")?, length)),
        httparse::Status::Partial => None,
    })
}

/// The response, once enough of it has arrived. The answer is one JSON object, which is found in the body
/// whether that is chunked or not.
pub(crate) fn parse(received: &[u8]) -> Result<Option<Response>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) =
        response.parse(received).context("odd response head")?
    else {
        return Ok(None);
    };
    let status = response.code.context("no status")?;
    let header =
        |name: &str| response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let has = |name, word: &str| {
        let value = header(name).map(|header| header.value.to_ascii_lowercase());
        value.is_some_and(|value| String::from_utf8_lossy(&value).contains(word))
    };
    let end = if has("transfer-encoding", "chunked") {
        End::WithLastChunk
    } else if let Some(header) = header("content-length") {
        let value: usize = std::str::from_utf8(header.value)?.parse()?;
        End::At(length + value)
    } else {
        End::WithConnection
    };
    let keeps = response.version == Some(1) && !has("connection", "close");
    let reply = if let Some(reason) = header(REJECTED) {
        Reply::Rejected(String::from_utf8_lossy(reason.value).into_owned())
    } else if status == 200 && header(ANSWERED).is_none() {
        Reply::Foreign
    } else if status == 200 {
        match answer(received.get(length..).unwrap_or_default())? {
            Some(answer) => answer,
            None => return Ok(None),
        }
    } else {
        Reply::Refused(Some(status))
    };
    Ok(Some(Response { reply, end, keeps }))
}

fn answer(body: &[u8]) -> Result<Option<Reply>> {
    let Some(start) = body.iter().position(|&byte| byte == b'{') else { return Ok(None) };
    let text = body.get(start..).unwrap_or_default();
    match serde_json::Deserializer::from_slice(text).into_iter().next() {
        Some(Ok(answer)) => Ok(Some(Reply::Answer(Box::new(answer)))),
        Some(Err(error)) if error.is_eof() => Ok(None),
        Some(Err(error)) => Err(error).context("odd answer"),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_responses_end() {
        let whole = |text: &str| {
            let response = parse(text.as_bytes()).unwrap().unwrap();
            (response.is_complete(text.as_bytes()).ok(), response.keeps())
        };
        let head = "HTTP/1.1 400 Bad Request\r\n";
        for (rest, expected) in [
            ("Content-Length: 2\r\n\r\nab", (Some(true), true)),
            ("Content-Length: 2\r\n\r\na", (Some(false), true)),
            ("Content-Length: 2\r\n\r\nabc", (None, true)),
            ("content-length: 0\r\nConnection: Close\r\n\r\n", (Some(true), false)),
            ("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", (Some(true), true)),
            ("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n", (Some(false), true)),
            ("\r\nabc", (Some(false), true)),
        ] {
            assert_eq!(whole(&format!("{head}{rest}")), expected, "{rest}");
        }
        let old = "HTTP/1.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(whole(old), (Some(true), false));
    }
}
