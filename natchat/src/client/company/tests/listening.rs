//! Nothing is read while nothing can be shown.

use std::time::Duration;

use crate::client::company::tests::world::{World, said};
use crate::client::company::tests::{LINE, delivered};

#[test]
fn who_does_not_listen_is_told_later_and_nothing_is_lost() {
    let mut world = World::new(2);
    world.sides[1].company.set_listening(false);
    world.say(0, "b", LINE);
    world.say(0, "b", "again");
    world.run(Duration::from_secs(5));
    assert_eq!(world.told(1), []);
    world.sides[1].company.set_listening(true);
    world.run(Duration::from_secs(1));
    assert_eq!(world.told(1), [said("a", LINE), said("a", "again")]);
    assert_eq!(
        world.told(0),
        [delivered("b", LINE), delivered("b", "again")]
    );
}
