//! Chance, from a seed.

/// Draws from the distributions that tables and fleets are made of.
#[derive(Debug)]
pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(crate) fn unit(&mut self) -> f64 {
        self.0.f64()
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Even on a logarithmic scale.
    pub(crate) fn log_between(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// Standard normal, after Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().max(1e-300).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A factor around 1 with this spread of its logarithm.
    pub(crate) fn factor(&mut self, spread: f64) -> f64 {
        (spread * self.normal() - 0.5 * spread * spread).exp()
    }

    /// Weibull of scale 1: heavy-tailed below a shape of 1.
    pub(crate) fn weibull(&mut self, shape: f64) -> f64 {
        (-self.unit().max(1e-300).ln()).powf(1.0 / shape)
    }

    /// How many of `trials` hit; a normal approximation where many do.
    pub(crate) fn hits(&mut self, trials: f64, rate: f64) -> f64 {
        let rate = rate.clamp(0.0, 1.0);
        let mean = trials * rate;
        if mean.min(trials - mean) > 40.0 {
            let spread = (mean * (1.0 - rate)).sqrt();
            return (mean + spread * self.normal()).round().clamp(0.0, trials);
        }
        if rate > 0.5 {
            return trials - self.few_hits(trials, 1.0 - rate);
        }
        self.few_hits(trials, rate)
    }

    /// By the gaps between hits, which are geometric.
    fn few_hits(&mut self, trials: f64, rate: f64) -> f64 {
        if rate <= 0.0 {
            return 0.0;
        }
        let (mut at, mut hits) = (0.0, 0.0);
        loop {
            at += 1.0 + (self.unit().max(1e-300).ln() / (-rate).ln_1p()).floor();
            if at > trials {
                return hits;
            }
            hits += 1.0;
        }
    }

    /// Different numbers below `end`, in order.
    pub(crate) fn choose(&mut self, count: usize, end: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..end).collect();
        self.0.shuffle(&mut all);
        all.truncate(count);
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_have_the_mean_and_the_spread_of_a_binomial() {
        let mut dice = Dice::new(5);
        for (trials, rate) in [
            (20.0, 0.1),
            (1_000.0, 0.02),
            (1_000.0, 0.97),
            (5_000.0, 0.3),
        ] {
            let draws: Vec<f64> = (0..4_000).map(|_| dice.hits(trials, rate)).collect();
            let mean = draws.iter().sum::<f64>() / 4_000.0;
            let spread = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 4_000.0;
            let expected: f64 = trials * rate * (1.0 - rate);
            assert!((mean - trials * rate).abs() < 5.0 * (expected / 4_000.0).sqrt());
            assert!(
                (spread / expected - 1.0).abs() < 0.15,
                "{spread} {expected}"
            );
        }
    }
}
