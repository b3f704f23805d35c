//! To be written.

/// Whether the page is shown to the user, besides its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Its address alone is printed.
    AddressOnly,
    /// A QR code too, and a browser is opened.
    CodeAndBrowser,
}
