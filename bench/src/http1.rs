//! HTTP/1.1 as thin as it can be: what clients and subgraphs take of the machine, routers lack, and their answers wait for.

use anyhow::{Context, ensure};
use bytes::{Buf, Bytes, BytesMut};
use httparse::{EMPTY_HEADER, Header, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much room there is for what is read next.
const ROOM_BYTES: usize = 16 << 10;
/// How many headers a message may have.
const HEADERS: usize = 64;

/// A connection, and what was read of it but not taken yet.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: BytesMut,
}

/// What a client asks.
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Bytes,
}

/// Where a message's body begins, and how long it is; none where it comes in chunks.
type Extent = (usize, Option<usize>);

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: BytesMut::new() })
    }

    /// Writes a message: its start line and headers, but for that of its length, and its body.
    pub(crate) async fn write(&mut self, start: String, body: Bytes) -> anyhow::Result<()> {
        let head = start + "content-length: " + &body.len().to_string() + "\r\n\r\n";
        Ok(self.stream.write_all_buf(&mut Bytes::from(head).chain(body)).await?)
    }

    /// Reads an answer; an error where its status is not 200.
    pub(crate) async fn answer(&mut self) -> anyhow::Result<Bytes> {
        loop {
            if let Some((start, length)) = answer_extent(&self.unread)? {
                return self.body(start, length).await;
            }
            ensure!(self.fill().await?, "the connection ended");
        }
    }

    /// Reads a request; none where the client has left.
    pub(crate) async fn asked(&mut self) -> anyhow::Result<Option<Asked>> {
        loop {
            if let Some((mut asked, (start, length))) = asked(&self.unread)? {
                asked.body = self.body(start, length).await?;
                return Ok(Some(asked));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    async fn body(&mut self, start: usize, length: Option<usize>) -> anyhow::Result<Bytes> {
        self.unread.advance(start);
        match length {
            Some(length) => self.take(length).await.map(BytesMut::freeze),
            None => self.chunks().await,
        }
    }

    async fn chunks(&mut self) -> anyhow::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let size = httparse::parse_chunk_size(&self.unread);
            match size.map_err(|_| anyhow::anyhow!("a chunk without a size"))? {
                Status::Partial => ensure!(self.fill().await?, "the connection ended"),
                Status::Complete((line, length)) => {
                    self.unread.advance(line);
                    let length = usize::try_from(length)?;
                    let chunk = self.take(length + 2).await?;
                    body.extend_from_slice(&chunk[..length]);
                    if length == 0 {
                        return Ok(body.freeze());
                    }
                }
            }
        }
    }

    async fn take(&mut self, length: usize) -> anyhow::Result<BytesMut> {
        self.unread.reserve(length.saturating_sub(self.unread.len()));
        while self.unread.len() < length {
            ensure!(self.stream.read_buf(&mut self.unread).await? > 0, "the connection ended");
        }
        Ok(self.unread.split_to(length))
    }

    /// Reads more; false where there is no more.
    async fn fill(&mut self) -> anyhow::Result<bool> {
        self.unread.reserve(ROOM_BYTES);
        Ok(self.stream.read_buf(&mut self.unread).await? > 0)
    }
}

fn answer_extent(unread: &[u8]) -> anyhow::Result<Option<Extent>> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let Status::Complete(start) = answer.parse(unread)? else { return Ok(None) };
    let status = answer.code.context("an answer without a status")?;
    ensure!(status == 200, "status {status}");
    Ok(Some((start, length(answer.headers))))
}

fn asked(unread: &[u8]) -> anyhow::Result<Option<(Asked, Extent)>> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let Status::Complete(start) = request.parse(unread)? else { return Ok(None) };
    let asked = Asked {
        path: request.path.context("a request without a path")?.to_owned(),
        authorization: value(request.headers, "authorization").unwrap_or_default().to_owned(),
        body: Bytes::new(),
    };
    Ok(Some((asked, (start, length(request.headers)))))
}

fn length(headers: &[Header<'_>]) -> Option<usize> {
    value(headers, "content-length")?.parse().ok()
}

fn value<'h>(headers: &[Header<'h>], name: &str) -> Option<&'h str> {
    let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok()
}
