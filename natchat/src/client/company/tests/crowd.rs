//! More strangers than there are slots.

use std::time::Duration;

use super::*;

/// So that all slots are taken.
const STRANGERS: u8 = 64;

fn world() -> World {
    let mut world = World::new(STRANGERS + 2);
    world.direct = None;
    world
}

fn name(world: &World, at: usize) -> String {
    world.sides[at].id.to_string()
}

#[test]
fn silent_strangers_keep_nobody_out() {
    let mut world = world();
    let (friend, late) = (name(&world, 1), name(&world, usize::from(STRANGERS) + 1));
    let me = name(&world, 0);
    world.say(0, &friend, "hello");
    world.run(Duration::from_secs(1));
    for at in 2..=usize::from(STRANGERS) {
        world.say(at, &me, "hi");
    }
    world.run(Duration::from_secs(1));
    world.told(0);
    world.say(usize::from(STRANGERS) + 1, &me, "it is me");
    world.run(Duration::from_secs(1));
    assert_eq!(world.told(0), [said(&late, "it is me")]);
    let has = |world: &World, at: usize| world.sides[0].company.get(&world.sides[at].id).is_some();
    assert!(has(&world, 1), "who was talked to is kept");
    let kept = (2..=usize::from(STRANGERS)).filter(|at| has(&world, *at));
    assert_eq!(
        kept.count(),
        usize::from(STRANGERS) - 2,
        "one has given way"
    );
}

#[test]
fn nobody_gives_way_whom_a_line_is_under_way_to() {
    let mut world = world();
    world.loss_percent = 100;
    let names: Vec<String> = (1..=usize::from(STRANGERS) + 1)
        .map(|at| name(&world, at))
        .collect();
    for name in &names {
        world.say(0, name, LINE);
    }
    let last = &names[usize::from(STRANGERS)];
    assert_eq!(
        world.told(0),
        [not_delivered(last, LINE, Undelivered::TooMany)]
    );
}
