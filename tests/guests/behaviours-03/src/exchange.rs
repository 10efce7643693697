//! A request and its answer, as the behaviours use them.

use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme, Trailers};
use wasip3::wit_bindgen::{FutureReader, StreamReader, StreamWriter};
use wasip3::{spawn_local, wit_future, wit_stream};

/// How a response's body ends.
pub(crate) type Ending = Result<Option<Trailers>, ErrorCode>;

/// Says how a message was processed.
pub(crate) type Outcome = FutureReader<Result<(), ErrorCode>>;

/// One request.
pub(crate) struct Exchange(Request);

impl Exchange {
    pub(crate) fn new(request: Request) -> Self {
        Self(request)
    }

    pub(crate) fn method(&self) -> String {
        match self.0.get_method() {
            Method::Get => "GET".to_owned(),
            Method::Post => "POST".to_owned(),
            Method::Other(name) => name,
            other => format!("{other:?}"),
        }
    }

    pub(crate) fn scheme(&self) -> String {
        match self.0.get_scheme() {
            Some(Scheme::Http) => "http".to_owned(),
            Some(Scheme::Https) => "https".to_owned(),
            Some(Scheme::Other(name)) => name,
            None => "(none)".to_owned(),
        }
    }

    pub(crate) fn authority(&self) -> String {
        self.0.get_authority().unwrap_or_else(|| "(none)".to_owned())
    }

    pub(crate) fn path_with_query(&self) -> String {
        self.0.get_path_with_query().unwrap_or_else(|| "(none)".to_owned())
    }

    pub(crate) fn path(&self) -> String {
        let mut path = self.path_with_query();
        path.truncate(path.find('?').unwrap_or(path.len()));
        path
    }

    /// The request's headers in their order, with what is not UTF-8 replaced.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let entries = self.0.get_headers().copy_all();
        entries
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect()
    }

    /// The parameters of the query.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let path = self.path_with_query();
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The value of a parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// A parameter of the query as a number, or `default`.
    pub(crate) fn number(&self, name: &str, default: u64) -> u64 {
        self.parameter(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// The request's body, and what says how it ended.
    pub(crate) fn into_body(self) -> (StreamReader<u8>, FutureReader<Ending>) {
        let (_, processed) = wit_future::new(|| Ok(()));
        Request::consume_body(self.0, processed)
    }
}

/// Answers with a text.
pub(crate) fn text(status: u16, body: &str) -> Response {
    let body = body.to_owned().into_bytes();
    answer(status, &[("content-type", "text/plain; charset=utf-8")], async |mut output| {
        output.write_all(body).await;
        Ok(None)
    })
}

/// Answers with what `write` writes, as long as somebody takes it.
pub(crate) fn answer(
    status: u16,
    headers: &[(&str, &str)],
    write: impl AsyncFnOnce(StreamWriter<u8>) -> Ending + 'static,
) -> Response {
    let (output, pieces) = wit_stream::new();
    let (response, ended, _) = begin(status, headers, pieces);
    spawn_local(async move {
        let ending = write(output).await;
        let _ = ended.write(ending).await;
    });
    response
}

/// A response with that body; who has it says how it ended, and is told how it was sent.
pub(crate) fn begin(
    status: u16,
    headers: &[(&str, &str)],
    body: StreamReader<u8>,
) -> (Response, wasip3::wit_bindgen::FutureWriter<Ending>, Outcome) {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let fields = Fields::from_list(&headers).unwrap_or_else(|error| panic!("{headers:?}: {error:?}"));
    let (ended, trailers) = wit_future::new(|| Ok(None));
    let (response, sent) = Response::new(fields, Some(body), trailers);
    response.set_status_code(status).unwrap_or_else(|()| panic!("status {status} is refused"));
    (response, ended, sent)
}
