//! What a way to meet demands costs.

use std::ops::Add;

/// Requests, how many of them one after the other, and fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Cost {
    requests: u32,
    rounds: u32,
    fields: u32,
}

impl Cost {
    /// One field of a request that is made anyway.
    pub(crate) const FIELD: Self = Self { requests: 0, rounds: 0, fields: 1 };

    /// So many requests, at the same time.
    pub(crate) fn of_requests(requests: u32) -> Self {
        Self { requests, ..Self::default() }
    }

    /// Whether it takes no further request.
    pub(crate) fn is_free(self) -> bool {
        self.requests == 0
    }

    /// This, and then one more request.
    pub(crate) fn then_request(self) -> Self {
        Self { requests: self.requests + 1, rounds: self.rounds + 1, ..self }
    }

    /// This, and then that. Fields that come later count double: of two plans alike, the one that has more of the answer
    /// early is better.
    pub(crate) fn then(self, next: Self) -> Self {
        let next = Self { fields: next.fields.saturating_mul(2), ..next };
        Self { rounds: self.rounds + next.rounds, ..self + next }
    }

    /// Both at the same time, where a part of the other is paid for already.
    pub(crate) fn shared(self, other: Self, paid: Self) -> Self {
        let both = self + other;
        Self { requests: both.requests - paid.requests, fields: both.fields - paid.fields, ..both }
    }

    /// The cost of meeting the same demands for this kind of objects and for that, in shared requests.
    pub(crate) fn either(self, other: Self) -> Self {
        Self { requests: self.requests.max(other.requests), ..self + other }
    }

    /// The cost as one number: few requests and few rounds, then few fields.
    pub(crate) fn weight(self) -> u64 {
        u64::from(self.requests) * 1_000_000
            + u64::from(self.rounds) * 300_000
            + u64::from(self.fields.min(200_000))
    }
}

impl Add for Cost {
    type Output = Self;

    /// Both, at the same time.
    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            rounds: self.rounds.max(other.rounds),
            fields: self.fields.saturating_add(other.fields),
        }
    }
}
