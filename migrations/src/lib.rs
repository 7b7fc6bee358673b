//! The tables of the services, a folder per owner.
