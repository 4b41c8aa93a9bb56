//! Worlds for judging an analyzer: whole rollouts in memory, seeded, with what
//! must be said of each.
//!
//! A world is drawn by one of the scenario families of [`Scenario`]; its truth
//! comes from the plan and never from what was told. [`World::news`] gives what
//! each device sends and when it arrives.

pub mod cures;
mod draft;
pub mod estate;
mod ladder;
pub mod life;
mod misled;
mod nulls;
mod outside;
mod planted;
pub mod repair;
pub mod scenario;
mod silent;
pub mod stream;
pub mod tell;
pub mod tries;
pub mod truth;
pub mod usual;

pub use self::draft::BEGINS_MS;
use self::draft::Draft;
use self::estate::Endpoint;
use self::life::Life;
pub use self::scenario::Scenario;
use self::tell::News;
pub use self::tell::What;
pub use self::truth::{Outside, Truth};
use crate::plan::Depot;

/// One rollout of a whole fleet.
#[derive(Debug, Clone)]
pub struct World {
    /// Family.
    pub scenario: Scenario,
    /// Seed.
    pub seed: u64,
    /// Who there is.
    pub devices: Vec<Endpoint>,
    /// What happens to each.
    pub lives: Vec<Life>,
    /// Shares to repair from.
    pub shares: Vec<Depot>,
    /// Host names that may serve as peers.
    pub donors: Vec<String>,
    /// Moments at which somebody looks, the first before anything failed.
    pub looks: Vec<i64>,
    /// What must be said.
    pub truth: Truth,
}

impl World {
    /// Draws the world of a family; the same seed draws the same world.
    pub fn draw(scenario: Scenario, seed: u64) -> Self {
        scenario.draw(seed)
    }

    fn of(scenario: Scenario, seed: u64, mut draft: Draft, truth: Truth) -> Self {
        draft.settle();
        Self {
            scenario,
            seed,
            devices: draft.devices,
            lives: draft.lives,
            shares: Vec::new(),
            donors: Vec::new(),
            looks: scenario.looks(),
            truth,
        }
    }

    /// What one device sends, in order of arrival.
    pub fn news(&self, device: usize) -> Vec<News> {
        match (self.devices.get(device), self.lives.get(device)) {
            (Some(device), Some(life)) => tell::tell(device, life),
            _ => Vec::new(),
        }
    }
}
