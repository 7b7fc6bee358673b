//! How much work planning one operation may be.

/// The work that planning may be, in steps: one for each way that is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// After so many, the first way that leads to a field is taken and no better one looked for: the plan is complete as
    /// ever, but may ask more often than it must. 100,000.
    pub thorough_steps: usize,
    /// After so many, planning gives up. 2,000,000.
    pub steps: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { thorough_steps: 100_000, steps: 2_000_000 }
    }
}
