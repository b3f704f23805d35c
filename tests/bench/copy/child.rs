//! Starts this program again for the tasks that take memory: making sources, comparing, touching.

use harness::Command;

/// This program, to be given a child's task. Not by its path, where a build may have put another one meanwhile.
pub(crate) fn this_program() -> Command {
    Command::new("/proc/self/exe")
}
