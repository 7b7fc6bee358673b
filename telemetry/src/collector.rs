//! The way to the collector: the HTTP client that the process has anyway, on the runtime that it has anyway.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

/// Posts what the exporter writes. The exporter has a thread of its own, in which no runtime is.
#[derive(Debug)]
pub(crate) struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

impl Collector {
    /// A client that works on the runtime of the caller.
    pub(crate) fn new() -> Self {
        // A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build();
        Self {
            client: client.expect("a client without certificates of its own builds"),
            runtime: Handle::current(),
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let status = answer.status();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            Ok::<_, reqwest::Error>(response)
        });
        Ok(sent.await??)
    }
}
