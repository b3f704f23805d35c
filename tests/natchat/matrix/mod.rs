//! Everybody with everybody: 28 pairs of seven kinds of access to the internet, and seven pairs that share something.

mod current;
mod places;
mod table;
mod with_older;
