//! What HTTP and CGI define: requests as CGI variables, responses, dates, conditions and ranges.

pub mod condition;
pub mod date;
pub mod query;
mod request;
mod response;

pub use request::Request;
pub(crate) use response::hash;
pub use response::{Body, Response};
