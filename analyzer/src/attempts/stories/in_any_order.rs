//! What a device's records mean does not depend on how they came in.

use proptest::prelude::*;

use super::*;

/// Any mixture of things that happen to a device.
fn stories() -> impl Strategy<Value = Story> {
    let step = (0..8u8, 0..40i64, 0..6u8);
    prop::collection::vec(step, 0..12).prop_map(|steps| {
        let codes = [
            REVERSE_DELTA,
            0x8007_0070,
            0x8024_000b,
            0x8024_2014,
            0x8024_200d,
            0x8024_0022,
        ];
        steps
            .into_iter()
            .fold(Story::of(KB), |story, (what, when, code)| {
                let at = NOW - 40 * HOUR + when * HOUR + i64::from(code) * 777;
                let code = codes[usize::from(code)];
                match what {
                    0 => story.fails(at, code),
                    1 => story.pends(at),
                    2 => story.succeeds(at),
                    3 => story.reboots(at),
                    4 => story.level(at, 3770),
                    5 => story.level(at, 3887),
                    6 => story.begins(at),
                    _ => story.agent(at, Phase::Install, EventResult::Fail, Some(code)),
                }
            })
    })
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(story in stories(), seed in any::<u64>()) {
        let mut shuffled = story.clone();
        let mut dice = fastrand::Rng::with_seed(seed);
        dice.shuffle(&mut shuffled.records);
        dice.shuffle(&mut shuffled.levels);
        prop_assert_eq!(shuffled.told(), story.told());
    }

    #[test]
    fn a_second_replay_changes_nothing(story in stories(), part in 0.0..1.0f64) {
        let mut replayed = story.clone();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a part of a short list")]
        let some = (part * replayed.records.len() as f64) as usize;
        let again: Vec<Record> = replayed.records.iter().take(some).cloned().collect();
        replayed.records.extend(again);
        replayed.levels.extend(story.levels.clone());
        prop_assert_eq!(replayed.told(), story.told());
    }

    #[test]
    fn a_fuller_reading_of_an_event_replaces_the_poorer_wherever_it_stands(story in stories()) {
        let mut poorer: Vec<Record> = story.records.clone();
        for record in &mut poorer {
            record.hresult = None;
            record.title.clear();
        }
        let mut richer = story.clone();
        for record in &mut richer.records {
            record.version = 2;
        }
        let expected = richer.told();
        richer.records.extend(poorer.iter().cloned());
        prop_assert_eq!(richer.told(), expected.clone());
        richer.records.rotate_right(poorer.len());
        prop_assert_eq!(richer.told(), expected);
    }

    #[test]
    fn attempts_are_in_time_order_and_never_end_before_they_begin(story in stories()) {
        for kb in story.told() {
            let begins: Vec<i64> = kb.attempts.iter().map(|a| a.started_at_ms).collect();
            prop_assert!(begins.is_sorted());
            prop_assert!(kb.attempts.iter().all(|a| a.ended_at_ms >= a.started_at_ms));
        }
    }
}
