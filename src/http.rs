//! Metrics and health over HTTP: `/metrics` for Prometheus, `/healthz` (the process lives), `/readyz` (it can serve).

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::config::Http;

/// What the pages show.
pub struct Pages {
    /// Everything that is measured.
    pub registry: Registry,
    /// Why the process cannot serve yet; `None`: it can.
    pub not_ready: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

/// Serves the pages until `stop`; tells where. Port 0: not at all.
///
/// # Errors
/// The port cannot be listened on.
pub async fn serve(http: &Http, pages: Pages, stop: CancellationToken) -> Result<Option<SocketAddr>> {
    if http.port == 0 {
        return Ok(None);
    }
    let address = SocketAddr::new(http.bind, http.port);
    let listener = crate::parts::listen(address, "http.port").await?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Arc::new(pages));
    crate::runtime::spawn(async move {
        let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::warn!(%error, "http");
        }
    });
    Ok(Some(address))
}

async fn metrics(State(pages): State<Arc<Pages>>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &pages.registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], error.to_string()),
    }
}

async fn ready(State(pages): State<Arc<Pages>>) -> impl IntoResponse {
    match (pages.not_ready)() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
