//! The process as a service: its pid file, its log, its life in the background, and what it tells whoever started it.

mod daemon;
mod log;
mod notify;
mod options;
mod pidfile;
mod service;
mod title;

pub use log::LogFileError;
pub use notify::{Notify, NotifyError};
pub use options::{Pages, Written};
pub use pidfile::PidFileError;
pub use service::{Begun, Claims, Service, ServiceError};
