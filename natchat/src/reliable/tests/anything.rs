//! Whatever happens, in whatever order.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::reliable::connection::{CHAT, Connection, PACKET_LEN};
use crate::reliable::simulated::{Line, World, start};
use crate::reliable::tests::MS;

/// Something that happens to one of two connections.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write { channel: u32, len: usize },
    Wait(u64),
    Loss(u64),
    Path,
    Duplicate,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        4 => (0_u32..3, 1_usize..6_000).prop_map(|(channel, len)| Step::Write { channel, len }),
        4 => (1_u64..120).prop_map(Step::Wait),
        1 => (0_u64..700).prop_map(Step::Loss),
        1 => Just(Step::Path),
        1 => Just(Step::Duplicate),
    ];
    (0_usize..2, step)
}

fn take(world: &mut World, written: &mut [[Vec<u8>; 3]; 2], at: usize, step: Step) {
    let now = world.now;
    match step {
        Step::Write { channel, len } => {
            let stream = &mut written[at][channel as usize];
            let bytes: Vec<u8> = (stream.len()..stream.len() + len)
                .map(|place| (place % 251).to_le_bytes()[0])
                .collect();
            stream.extend_from_slice(&bytes);
            assert_eq!(
                world.ends[at].connection.write(channel, &bytes),
                stream.len() as u64
            );
        }
        Step::Wait(ms) => world.run_for(Duration::from_millis(ms)),
        Step::Loss(loss) => world.ends[at].line.loss = loss,
        Step::Path => world.ends[at].connection.path_changed(now),
        Step::Duplicate => {
            let mut packet = Vec::new();
            while world.ends[at]
                .connection
                .poll_duplicate(now, now, PACKET_LEN, &mut packet)
            {
                world.ends[1 - at]
                    .connection
                    .handle_packet(now, &packet)
                    .unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_all_arrives_once_and_in_order(seed in any::<u64>(), steps in vec(step(), 1..60)) {
        let line = Line { doubled: 100, jitter: MS * 15, ..Line::delayed(10) };
        let mut world = World::new(line, seed);
        let mut written: [[Vec<u8>; 3]; 2] = Default::default();
        for at in 0..2 {
            for channel in 1..3 {
                world.ends[at].connection.open_outgoing(channel);
                world.ends[1 - at].connection.open_incoming(channel);
            }
        }
        for (at, step) in steps {
            take(&mut world, &mut written, at, step);
        }
        world.ends.iter_mut().for_each(|end| end.line.loss = 0);
        world.run_for(Duration::from_secs(60));
        for (at, streams) in written.iter().enumerate() {
            for (channel, stream) in (0_u32..).zip(streams) {
                let got = world.ends[1 - at].got.get(&channel);
                prop_assert!(got.map_or(&[][..], |got| got) == stream, "{at} {channel}");
                prop_assert_eq!(world.ends[at].connection.unsent(channel), 0);
            }
            prop_assert_eq!(world.ends[at].connection.next_timeout(), None);
        }
    }

    #[test]
    fn no_packet_panics_or_keeps_it_busy(
        packets in vec(vec(prop_oneof![0_u8..6, any::<u8>()], 0..60), 0..60),
    ) {
        let mut now = start();
        let mut connection = Connection::new(now);
        connection.open_incoming(1);
        connection.write(CHAT, &[1; 5_000]);
        let mut out = Vec::new();
        for packet in &packets {
            now += MS * 7;
            let _ = connection.handle_packet(now, packet);
            connection.handle_timeout(now);
            let mut count = 0;
            while connection.poll_packet(now, PACKET_LEN, &mut out) {
                count += 1;
                prop_assert!(count < 50 && !out.is_empty() && out.len() <= PACKET_LEN);
            }
            prop_assert!(connection.next_timeout().is_none_or(|at| at > now), "it would be asked again at once");
        }
    }
}
