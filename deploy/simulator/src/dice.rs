//! Chance, made repeatable: the same seed and stream give the same throws on
//! every machine.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded source of throws.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Opens one of the many independent streams of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A number from `low` up to and including `high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        self.0.random_range(low..=high)
    }

    /// A number below `count`; 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        if count < 2 {
            return 0;
        }
        self.0.random_range(0..count)
    }

    /// A number from 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        self.0.random_range(0.0..1.0)
    }

    /// True with the given chance.
    pub fn chance(&mut self, of_one: f64) -> bool {
        self.unit() < of_one
    }

    /// A throw of the standard normal distribution.
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.unit().max(1e-300), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// A throw of the gamma distribution of that shape (Marsaglia and Tsang).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = self.unit().max(1e-300).powf(1.0 / shape.max(1e-9));
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let normal = self.normal();
            let v = (1.0 + c * normal).powi(3);
            let accept = 0.5 * normal * normal + d - d * v + d * v.max(1e-300).ln();
            if v > 0.0 && self.unit().max(1e-300).ln() < accept {
                return d * v;
            }
        }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.random_range(0..=u64::MAX)
    }

    /// Hexadecimal digits, lower case.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            let bits = self.bits();
            for shift in (0..64).step_by(4) {
                text.extend(char::from_digit(
                    u32::try_from((bits >> shift) & 0xf).unwrap_or(0),
                    16,
                ));
            }
        }
        text.truncate(digits);
        text
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// One of `choices`, each with its weight; the last if rounding leaves none.
    pub fn weighted<T: Copy>(&mut self, choices: &[(T, u32)]) -> T {
        let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.between(0, i64::from(total.max(1)) - 1);
        for (value, weight) in choices {
            left -= i64::from(*weight);
            if left < 0 {
                return *value;
            }
        }
        choices[choices.len() - 1].0
    }

    /// Brings `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_stream_repeat_their_throws_and_streams_differ() {
        let throws = |stream| {
            let mut dice = Dice::new(7, stream);
            (0..8).map(|_| dice.bits()).collect::<Vec<_>>()
        };
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
    }

    #[test]
    fn a_weight_of_nought_is_never_drawn() {
        let mut dice = Dice::new(7, 0);
        assert!((0..200).all(|_| dice.weighted(&[('a', 0), ('b', 3)]) == 'b'));
    }
}
