//! Whatever happens to the log and to the collector, every record arrives.

use kbwatch_proto::telemetry::Outcome;
use proptest::prelude::*;

use crate::world::{Notes, World, receipt};

#[derive(Debug, Clone)]
enum Happening {
    Append(u32),
    AppendHalf,
    Rotate,
    Step,
    Tick(i64),
    /// Batches arrive and are receipted.
    Deliver,
    /// A batch arrives and its receipt is lost with the connection.
    LoseReceipt,
    /// Killed: nothing is written any more.
    Crash,
    /// Stopped in an orderly way.
    Restart,
    /// State lost with a write-filtered disk.
    LoseState,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (1..30u32).prop_map(Happening::Append),
        2 => Just(Happening::AppendHalf),
        2 => Just(Happening::Rotate),
        6 => Just(Happening::Step),
        3 => (1..2_000i64).prop_map(Happening::Tick),
        4 => Just(Happening::Deliver),
        2 => Just(Happening::LoseReceipt),
        2 => Just(Happening::Crash),
        1 => Just(Happening::Restart),
        1 => Just(Happening::LoseState),
    ]
}

/// The second half of a line that was half written.
struct HalfWritten(Option<String>);

impl HalfWritten {
    fn complete(&mut self, world: &mut World) {
        if let Some(rest) = self.0.take() {
            world.append(&rest);
        }
    }
}

fn live_through(happenings: Vec<Happening>) -> (World, Notes) {
    let mut world = World::new();
    world.config.batch_max_events = 7;
    world.config.checkpoint_s = 1;
    world.config.outbox_max_batches = 5;
    world.config.in_flight_batches = 2;
    let mut notes = Notes::default();
    let mut half = HalfWritten(None);
    let mut collector = world.open();
    for happening in happenings {
        match happening {
            Happening::Append(count) => {
                half.complete(&mut world);
                world.append_records(count);
            }
            Happening::AppendHalf => {
                half.complete(&mut world);
                let mut text = world.record();
                half.0 = Some(text.split_off(text.len() / 2));
                world.append(&text);
            }
            Happening::Rotate => {
                half.complete(&mut world);
                world.rotate();
            }
            Happening::Step => {
                collector.step(world.now_ms);
            }
            Happening::Tick(ms) => world.tick(ms),
            Happening::Deliver => {
                notes.take_all(&mut collector, world.now_ms, Outcome::Durable);
            }
            Happening::LoseReceipt => {
                let first = collector.next_batch(world.now_ms);
                // The second receipt overtakes the first, which is lost.
                if let Some(second) = collector.next_batch(world.now_ms) {
                    collector.on_receipt(&receipt(&second, Outcome::Durable));
                    notes.take(second);
                }
                if let Some(first) = first {
                    notes.take(first);
                }
                collector.on_disconnect();
            }
            Happening::Crash => collector = world.open(),
            Happening::Restart => {
                collector.flush(world.now_ms);
                collector.save();
                collector = world.open();
            }
            Happening::LoseState => {
                std::fs::remove_dir_all(world.path("state")).unwrap();
                collector = world.open();
            }
        }
    }
    half.complete(&mut world);
    world.settle(&mut collector, &mut notes);
    (world, notes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_record_arrives_and_no_other(happenings in prop::collection::vec(happening(), 1..60)) {
        let (world, notes) = live_through(happenings);
        prop_assert_eq!(notes.ids(), world.expected());
    }
}
