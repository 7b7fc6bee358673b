//! Reads an HTTP/1.1 answer from its first byte to its last.

use std::mem::MaybeUninit;
use std::str::from_utf8;

use bytes::{BufMut, Bytes};
use executor::{SubgraphError, SubgraphResponse};
use httparse::{Header, ParserConfig, Status};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::http1::{Exchanged, NoAnswer};
use crate::spare_buffers;

/// How much is read at first: head and body, where the answer is small.
const FIRST_BYTES: usize = 8 << 10;
/// What the head of an answer, or the line before a chunk, may measure.
const HEAD_BYTES: usize = 64 << 10;
/// How many headers an answer may have.
const HEADERS: usize = 100;

/// What the head of an answer says.
struct Head {
    status: u16,
    length: Length,
    keep_alive: bool,
}

/// How long the body is.
#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunked,
    /// It ends with the connection.
    UntilClosed,
}

/// Reads an answer, of at most `limit_bytes`.
pub(super) async fn read_answer(
    stream: impl AsyncRead + Unpin,
    limit_bytes: usize,
) -> Result<Exchanged, NoAnswer> {
    let mut reader = Reader { stream, read: Vec::with_capacity(FIRST_BYTES), at: 0 };
    reader.fill().await.map_err(|_| NoAnswer::Silent)?;
    let head = loop {
        let head = reader.head().await?;
        // 1xx: the answer is yet to come.
        if head.status >= 200 {
            break head;
        }
    };
    let body = match head.length {
        Length::Bytes(length) if length > limit_bytes => return Err(SubgraphError::TooLarge.into()),
        Length::Bytes(length) => reader.bytes(length).await?,
        Length::Chunked => reader.chunks(limit_bytes).await?,
        Length::UntilClosed => reader.rest(limit_bytes).await?,
    };
    // What follows an answer belongs to no request.
    let reusable = head.keep_alive && reader.read.len() == reader.at;
    Ok(Exchanged { answer: SubgraphResponse { status: head.status, body }, reusable })
}

/// A connection, and what was read of it but not taken yet.
struct Reader<S> {
    stream: S,
    read: Vec<u8>,
    at: usize,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    fn unread(&self) -> &[u8] {
        &self.read[self.at..]
    }

    /// Reads more. The end is unexpected.
    async fn fill(&mut self) -> Result<(), SubgraphError> {
        if self.at == self.read.len() {
            self.read.clear();
            self.at = 0;
        }
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => Err(SubgraphError::Unreachable),
            Ok(_) => Ok(()),
        }
    }

    async fn head(&mut self) -> Result<Head, SubgraphError> {
        loop {
            if let Some((head, length)) = Head::read(self.unread())? {
                self.at += length;
                return Ok(head);
            }
            if self.unread().len() >= HEAD_BYTES {
                return Err(SubgraphError::Unreachable);
            }
            self.fill().await?;
        }
    }

    /// A body of known length, in a buffer of that size.
    async fn bytes(&mut self, length: usize) -> Result<Bytes, SubgraphError> {
        let mut body = spare_buffers::take(length);
        self.append(length, &mut body).await?;
        Ok(spare_buffers::share(body))
    }

    async fn append(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), SubgraphError> {
        let there = length.min(self.unread().len());
        body.extend_from_slice(&self.unread()[..there]);
        self.at += there;
        let mut missing = length - there;
        while missing > 0 {
            match self.stream.read_buf(&mut (&mut *body).limit(missing)).await {
                Ok(0) | Err(_) => return Err(SubgraphError::Unreachable),
                Ok(bytes) => missing -= bytes,
            }
        }
        Ok(())
    }

    /// A body in chunks, and what follows it.
    async fn chunks(&mut self, limit_bytes: usize) -> Result<Bytes, SubgraphError> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            let length = chunk_length(digits).ok_or(SubgraphError::Unreachable)?;
            if length == 0 {
                break;
            }
            if length > limit_bytes - body.len() {
                return Err(SubgraphError::TooLarge);
            }
            body.reserve(length);
            self.append(length, &mut body).await?;
            if !self.line().await?.is_empty() {
                return Err(SubgraphError::Unreachable);
            }
        }
        // Trailers, and an empty line.
        while !self.line().await?.is_empty() {}
        Ok(body.into())
    }

    /// A line without its end.
    async fn line(&mut self) -> Result<Vec<u8>, SubgraphError> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', self.unread()) {
                let line = self.unread()[..end].strip_suffix(b"\r").map(<[u8]>::to_vec);
                self.at += end + 1;
                return line.ok_or(SubgraphError::Unreachable);
            }
            if self.unread().len() >= HEAD_BYTES {
                return Err(SubgraphError::Unreachable);
            }
            self.fill().await?;
        }
    }

    /// All that comes before the connection is closed.
    async fn rest(&mut self, limit_bytes: usize) -> Result<Bytes, SubgraphError> {
        let mut body = self.unread().to_vec();
        self.at = self.read.len();
        while body.len() <= limit_bytes {
            match self.stream.read_buf(&mut body).await {
                Ok(0) => return Ok(body.into()),
                Ok(_) => {}
                Err(_) => return Err(SubgraphError::Unreachable),
            }
        }
        Err(SubgraphError::TooLarge)
    }
}

/// Hexadecimal digits and nothing else.
fn chunk_length(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    usize::from_str_radix(from_utf8(digits).ok()?, 16).ok()
}

impl Head {
    /// A head, and how long it is; `None` where more of it is to come.
    fn read(unread: &[u8]) -> Result<Option<(Self, usize)>, SubgraphError> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS];
        let mut response = httparse::Response::new(&mut []);
        let config = ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut response, unread, &mut headers) {
            Ok(Status::Complete(length)) => {
                let head = Self::of(&response).ok_or(SubgraphError::Unreachable)?;
                Ok(Some((head, length)))
            }
            Ok(Status::Partial) => Ok(None),
            Err(_) => Err(SubgraphError::Unreachable),
        }
    }

    /// `None` where it contradicts itself.
    fn of(response: &httparse::Response<'_, '_>) -> Option<Self> {
        let status = response.code?;
        let values = |name: &'static str| {
            let headers = response.headers.iter();
            headers.filter(move |header: &&Header<'_>| header.name.eq_ignore_ascii_case(name))
        };
        let tokens = |name: &'static str| {
            let values = values(name).filter_map(|header| from_utf8(header.value).ok());
            values.flat_map(|value| value.split(',')).map(str::trim)
        };
        let says = |token: &str| tokens("connection").any(|it| it.eq_ignore_ascii_case(token));
        let keep_alive =
            if response.version == Some(0) { says("keep-alive") } else { !says("close") };
        let (mut codings, mut lengths) = (tokens("transfer-encoding"), tokens("content-length"));
        let length = match (codings.next(), lengths.next()) {
            _ if status < 200 || matches!(status, 204 | 304) => Length::Bytes(0),
            (None, None) => Length::UntilClosed,
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => {
                codings.next().is_none().then_some(Length::Chunked)?
            }
            (None, Some(length)) if length.bytes().all(|byte| byte.is_ascii_digit()) => lengths
                .all(|other| other == length)
                .then_some(Length::Bytes(length.parse().ok()?))?,
            // Where there are two lengths, what one reader takes for the body another does not.
            _ => return None,
        };
        let keep_alive = keep_alive && !matches!(length, Length::UntilClosed);
        Some(Self { status, length, keep_alive })
    }
}
