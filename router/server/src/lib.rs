//! The router: composes, plans and serves.
