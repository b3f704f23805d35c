//! Two [`crate::path::paths::Paths`] back to back, with NATs between them, in virtual time.

mod birthday;
mod duo;
mod hostile;
mod life;
mod nat;
mod opening;
