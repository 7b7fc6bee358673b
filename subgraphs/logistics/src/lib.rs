//! Who moves where: drivers, vehicles, rides.
