//! temporary
use crate::http::status::Status;
#[derive(Debug, Default)]
pub(crate) struct Counters;
impl Counters {
    pub(crate) fn accepted(&self) {}
    pub(crate) fn closed(&self) {}
    pub(crate) fn full(&self) {}
    pub(crate) fn replied(&self, _: Status) {}
    pub(crate) fn sent(&self, _: u64) {}
    pub(crate) fn timed_out(&self) {}
}
