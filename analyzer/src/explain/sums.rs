//! Sums by number: in a row where there are few numbers, else by hash.

use std::collections::HashMap;

use super::cuboids::Sum;
use super::ripple::Voice;

/// Numbers per leaf up to which all get a place.
const ROOM: usize = 4;

/// Sums of numbered cells.
pub(super) enum Sums {
    Dense(Vec<Sum>),
    Sparse(HashMap<usize, Sum>),
}

impl Sums {
    /// Of numbers below `possible`, over so many leaves.
    pub(super) fn new(possible: usize, leaves: usize) -> Self {
        if possible <= ROOM * leaves + 64 {
            Self::Dense(vec![Sum::default(); possible])
        } else {
            Self::Sparse(HashMap::new())
        }
    }

    pub(super) fn add(&mut self, number: usize, voice: &Voice, overall: f64) {
        match self {
            Self::Dense(sums) => {
                if let Some(sum) = sums.get_mut(number) {
                    sum.add(voice, overall);
                }
            }
            Self::Sparse(sums) => sums.entry(number).or_default().add(voice, overall),
        }
    }

    /// Those that hold anything, in the order of their numbers.
    pub(super) fn held(self) -> Vec<(usize, Sum)> {
        match self {
            Self::Dense(sums) => {
                let held = |(_, sum): &(usize, Sum)| sum.expected > 0.0;
                sums.into_iter().enumerate().filter(held).collect()
            }
            Self::Sparse(sums) => {
                let mut held: Vec<(usize, Sum)> = sums.into_iter().collect();
                held.sort_unstable_by_key(|(number, _)| *number);
                held
            }
        }
    }
}
