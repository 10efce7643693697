//! The worlds of `wit/`, as the host sees them.

/// `world authorizer`, and the interface `cgi` that every handler may import.
pub(super) mod authorizer {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "authorizer",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "wasi:cli": wasmtime_wasi::p2::bindings::cli,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:filesystem": wasmtime_wasi::p2::bindings::filesystem,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:random": wasmtime_wasi::p2::bindings::random,
            "wasi:sockets": wasmtime_wasi::p2::bindings::sockets,
        },
    });
}

/// `world filter`.
pub(super) mod filter {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "filter",
        exports: { default: async },
        with: {
            "fcgi-wasm-host:handler/cgi": super::authorizer::fcgi_wasm_host::handler::cgi,
            "wasi:cli": wasmtime_wasi::p2::bindings::cli,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:filesystem": wasmtime_wasi::p2::bindings::filesystem,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:random": wasmtime_wasi::p2::bindings::random,
            "wasi:sockets": wasmtime_wasi::p2::bindings::sockets,
        },
    });
}
