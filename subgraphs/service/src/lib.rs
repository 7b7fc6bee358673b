//! What every service does before it differs.
