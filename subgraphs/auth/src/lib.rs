//! Who you are: users, roles, sessions.
