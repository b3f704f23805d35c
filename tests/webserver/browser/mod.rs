//! The server seen from a real browser: Chromium, driven as a person would use it.
//!
//! Whether bytes are right is asked elsewhere. Here it is whether a page *works*: pictures shown, modules run, a video
//! that seeks, a name that leads to its file, a listing that can be read in the dark and on a telephone. Nothing is said
//! of other browsers.

mod driver;
mod listing;
mod media;
mod origins;
mod page;
