//! A world while it is drawn.

use super::estate::{Endpoint, estate};
use super::life::Life;
use super::tries::{kb_of, level_before, starts, unfold};
use super::usual::{Doom, Usual};
use crate::dice::Dice;
use crate::plan::{DAY_MS, MINUTE_MS};

/// When rollouts begin: a Tuesday at 08:00.
pub const BEGINS_MS: i64 = 1_790_064_000_000;

/// Days between two monthly updates.
const MONTH_DAYS: i64 = 28;

/// A world while it is drawn.
pub(super) struct Draft {
    pub(super) dice: Dice,
    pub(super) devices: Vec<Endpoint>,
    pub(super) lives: Vec<Life>,
    pub(super) usual: Usual,
}

impl Draft {
    /// An estate with `months` of usual history.
    pub(super) fn open(devices: usize, months: usize, seed: u64) -> Self {
        let mut dice = Dice::new(seed, 12);
        let usual = Usual::draw(&mut dice);
        Self::with(estate(devices, seed), months, (usual, dice))
    }

    /// The same with an estate and ordinary failures of one's own.
    pub(super) fn with(
        devices: Vec<Endpoint>,
        months: usize,
        (usual, dice): (Usual, Dice),
    ) -> Self {
        let mut draft = Self {
            devices,
            lives: Vec::new(),
            usual,
            dice,
        };
        let first = 2 - months.min(2);
        let first_read_ms = BEGINS_MS - (1 + MONTH_DAYS * 2) * DAY_MS;
        for device in &draft.devices {
            draft.lives.push(Life {
                base_ubr: level_before(device.build, first),
                first_read_ms,
                delay_ms: draft.dice.between(200, 30_000),
                skew_ms: draft.dice.between(-60_000, 60_000),
                plain: draft.dice.chance(0.6),
                ..Life::default()
            });
        }
        for month in first..2 {
            let dooms = draft.usual.month(&draft.devices, &mut draft.dice);
            draft.roll_out(month, &dooms);
        }
        draft
    }

    /// Months of history as a bank has them: mostly two.
    pub(super) fn some_months(seed: u64) -> usize {
        if seed % 10 < 3 { 1 } else { 2 }
    }

    /// The same, and sometimes a fleet that is seen for the first time, without
    /// any history: what is usual there nobody can know yet.
    pub(super) fn few_months(seed: u64) -> usize {
        if seed.is_multiple_of(10) {
            0
        } else {
            Self::some_months(seed)
        }
    }

    /// When the update of `month` begins to roll out.
    pub(super) fn begins(month: usize) -> i64 {
        let months = i64::try_from(month).unwrap_or(2) - 2;
        BEGINS_MS + months * MONTH_DAYS * DAY_MS
    }

    /// Every device tries the update of `month`; those that are doomed fail.
    pub(super) fn roll_out(&mut self, month: usize, dooms: &[Option<Doom>]) {
        let starts = starts(&self.devices, Self::begins(month), &mut self.dice);
        for (number, start) in starts.into_iter().enumerate() {
            let (device, doom) = (&self.devices[number], dooms[number]);
            let kb = kb_of(device.build, month);
            let life = &mut self.lives[number];
            life.tries.extend(unfold(kb, start, doom, &mut self.dice));
        }
    }

    /// A usual month, for the update that rolls out now.
    pub(super) fn usual_month(&mut self) -> Vec<Option<Doom>> {
        self.usual.month(&self.devices, &mut self.dice)
    }

    /// Orders the tries of each device; a try that begins before the last one
    /// ended waits for it.
    pub(super) fn settle(&mut self) {
        for life in &mut self.lives {
            life.tries.sort_by_key(|one| one.started_at_ms);
            let mut free_at_ms = 0;
            for one in &mut life.tries {
                let wait = (free_at_ms - one.started_at_ms).max(0);
                one.started_at_ms += wait;
                one.ended_at_ms += wait;
                free_at_ms = one.ended_at_ms + 5 * MINUTE_MS;
            }
        }
    }
}
