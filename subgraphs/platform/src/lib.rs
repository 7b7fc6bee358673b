//! What is on offer: channels, products, advertisements.
