//! What axum gives here at most: a server that does nothing but read the JSON it is sent, or answer so many bytes.
//! `tests/check/load.py` measures it beside Daybook.
//!
//! `bare ADDRESS BYTES`: POST anywhere reads a JSON body, GET `/` answers with so many bytes.

#![allow(clippy::print_stdout)]

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

async fn take(Json(body): Json<Value>) -> impl IntoResponse {
    let members = body.as_object().map_or(0, serde_json::Map::len);
    (StatusCode::CREATED, Json(serde_json::json!({ "members": members })))
}

async fn tell(State(text): State<Arc<str>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut told = std::env::args().skip(1);
    let address = told.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let bytes = told.next().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let text: Arc<str> = "1".repeat(bytes).into();
    let routes = Router::new().route("/", get(tell)).fallback(axum::routing::post(take)).with_state(text);
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).await
}
