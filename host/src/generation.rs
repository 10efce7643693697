//! Everything that must agree: what one request uses from its beginning to its end.

use std::{sync::Arc, time::Duration};

use crate::{admission::Admission, capability::Mount, wasm::Handler};

/// What is served at one time. A request takes the generation in force when it begins and keeps it.
pub struct Generation {
    /// The component that answers.
    pub handler: Handler,
    /// The folders that it sees, by their places on the machine.
    pub mounts: Arc<[Mount]>,
    /// How many requests it answers at once.
    pub admission: Admission,
    /// How long it may take for one, not counting the time that it waits for the client.
    pub deadline: Duration,
    /// How many bytes it may send in one response.
    pub max_response: u64,
}
