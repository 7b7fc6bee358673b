//! A gate on the way to a service: calls are held before they arrive, or before their answer does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

/// More than any call or answer here has, in bytes.
const BODY_LIMIT_BYTES: usize = 1 << 20;

/// When a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// The service has not heard of it.
    Asked,
    /// The service has done it, and nobody knows.
    Answered,
}

/// The gate. Everybody passes who is not held.
pub(crate) struct Gate {
    url: String,
    keeper: Arc<Keeper>,
    held: mpsc::UnboundedReceiver<()>,
}

struct Keeper {
    target: String,
    client: reqwest::Client,
    bar: Mutex<Option<Bar>>,
    held: mpsc::UnboundedSender<()>,
}

/// Which call is held, and how it is let go.
#[derive(Clone)]
struct Bar {
    when: When,
    /// What its text contains.
    text: &'static str,
    lifted: Arc<Notify>,
    /// Whether it ends there.
    is_lost: Arc<AtomicBool>,
}

impl Gate {
    /// A gate on the way to the service at this URL.
    pub(crate) async fn on_the_way_to(target: String) -> Self {
        service::install_tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, held) = mpsc::unbounded_channel();
        let (client, bar) = (reqwest::Client::new(), Mutex::default());
        let keeper = Arc::new(Keeper { target, client, bar, held: sender });
        let app = Router::new().fallback(pass).with_state(Arc::clone(&keeper));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, keeper, held }
    }

    /// The way through the gate.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Holds calls whose text contains this, from now on.
    pub(crate) fn bar(&self, when: When, text: &'static str) {
        let bar = Bar { when, text, lifted: Arc::default(), is_lost: Arc::default() };
        *self.keeper.bar.lock().unwrap() = Some(bar);
    }

    /// Waits until a call is held.
    pub(crate) async fn holds_one(&mut self) {
        self.held.recv().await.unwrap();
    }

    /// Lets whom it holds go on, and holds nobody any more.
    pub(crate) fn let_go(&self) {
        if let Some(bar) = self.keeper.bar.lock().unwrap().take() {
            bar.lifted.notify_waiters();
        }
    }

    /// Loses the answers of whom it holds, and holds nobody any more.
    pub(crate) fn lose(&self) {
        if let Some(bar) = self.keeper.bar.lock().unwrap().take() {
            bar.is_lost.store(true, Ordering::SeqCst);
            bar.lifted.notify_waiters();
        }
    }

    /// Holds nobody any more; who is held stays so for ever: it is for the caller to hang up.
    pub(crate) fn forget(&self) {
        self.keeper.bar.lock().unwrap().take();
    }
}

impl Keeper {
    fn bar_for(&self, when: When, call: &[u8]) -> Option<Bar> {
        let bar = self.bar.lock().unwrap().clone();
        bar.filter(|bar| bar.when == when && String::from_utf8_lossy(call).contains(bar.text))
    }

    /// Holds the call, where it is barred; whether it goes on then.
    async fn lets_pass(&self, when: When, call: &[u8]) -> bool {
        let Some(bar) = self.bar_for(when, call) else { return true };
        let lifted = bar.lifted.notified();
        self.held.send(()).unwrap();
        lifted.await;
        !bar.is_lost.load(Ordering::SeqCst)
    }

    async fn forward(
        &self,
        parts: axum::http::request::Parts,
        call: Bytes,
    ) -> reqwest::Result<Response> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let forwarded = self.client.request(parts.method, format!("{}{path}", self.target));
        let answer = forwarded.headers(parts.headers).body(call).send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        // All of it, before it is held: then the service may die.
        let mut response = Body::from(answer.bytes().await?).into_response();
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}

async fn pass(State(keeper): State<Arc<Keeper>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = to_bytes(body, BODY_LIMIT_BYTES).await.unwrap();
    let lost = || StatusCode::BAD_GATEWAY.into_response();
    if !keeper.lets_pass(When::Asked, &call).await {
        return lost();
    }
    let answer = keeper.forward(parts, call.clone()).await;
    if !keeper.lets_pass(When::Answered, &call).await {
        return lost();
    }
    answer.unwrap_or_else(|_| lost())
}
