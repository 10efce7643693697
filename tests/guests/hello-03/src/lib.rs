//! The least that a `wasi:http/handler` component can do: every request is answered with `hello` in plain text.
//!
//! The benchmark compares it with `hello`.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_future, wit_stream};

struct Hello;

wasip3::http::service::export!(Hello);

impl Guest for Hello {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        std::mem::forget(request);
        let fields = Fields::new();
        let _ = fields.append("content-type", b"text/plain");
        let (mut body, pieces) = wit_stream::new();
        let (end, trailers) = wit_future::new(|| Ok(None));
        let (response, sent) = Response::new(fields, Some(pieces), trailers);
        drop((end, sent));
        wasip3::spawn_local(async move {
            body.write_all(b"hello\n".to_vec()).await;
        });
        Ok(response)
    }
}
