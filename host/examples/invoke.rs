use bytes::Bytes;
use clap::Parser;
use fcgi_wasm_host::{
    body,
    config::{Execution, ModuleSource, WrittenExecution},
    load,
    request::{Head, Variables},
    wasm::*,
};
use std::{path::PathBuf, time::Instant};
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[derive(Parser)]
struct A {
    #[command(flatten)]
    e: WrittenExecution,
    #[arg(long)]
    module: PathBuf,
    #[arg(long, default_value = "200000")]
    n: u64,
}
struct R(usize);
impl Respond for R {
    fn head(&mut self, _h: &http::response::Parts) -> Result<(), Fault> {
        Ok(())
    }
    async fn body(&mut self, p: Bytes) -> Result<(), Fault> {
        self.0 += p.len();
        Ok(())
    }
    fn holds_back(&self) -> bool {
        false
    }
    async fn flush(&mut self) {}
}
fn main() {
    let a = A::parse();
    let e = Execution::check(a.e).unwrap();
    let m = load::modules(&e, Compiler::Here).unwrap();
    let module = load::module(&ModuleSource::File(a.module)).unwrap();
    let h = m.handler(&module, Folders::open(&[]).unwrap(), e.limits).unwrap();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let pairs = [
            ("QUERY_STRING", ""),
            ("REQUEST_METHOD", "GET"),
            ("CONTENT_TYPE", ""),
            ("CONTENT_LENGTH", ""),
            ("SCRIPT_NAME", "/"),
            ("REQUEST_URI", "/"),
            ("DOCUMENT_URI", "/"),
            ("DOCUMENT_ROOT", "/usr/share/nginx/html"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REQUEST_SCHEME", "http"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_SOFTWARE", "nginx/1.22.1"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("REMOTE_PORT", "50000"),
            ("SERVER_ADDR", "127.0.0.1"),
            ("SERVER_PORT", "8080"),
            ("SERVER_NAME", "localhost"),
            ("REDIRECT_STATUS", "200"),
            ("HTTP_HOST", "localhost:8080"),
            ("HTTP_USER_AGENT", "x"),
            ("HTTP_ACCEPT", "*/*"),
        ];
        let mut r = R(0);
        for round in 0..3 {
            let t = Instant::now();
            for _ in 0..a.n {
                let params: fcgi::Params = pairs.iter().copied().collect();
                let v = Variables::new(params);
                let hd = Head::read(&v).unwrap();
                let (w, rd) = body::channel(hd.length);
                w.finish();
                let mut q = http::Request::new(rd);
                *q.method_mut() = hd.method;
                *q.uri_mut() = hd.uri;
                *q.headers_mut() = hd.headers;
                h.invoke(
                    Invocation { request: q, scheme: hd.scheme, variables: v, stderr: Stderr::default() },
                    &mut r,
                )
                .await
                .unwrap();
            }
            println!("round {round}: {:.2} us", t.elapsed().as_secs_f64() * 1e6 / a.n as f64);
        }
        assert!(r.0 > 0);
    });
}
