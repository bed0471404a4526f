//! pegasus
fn main() {}
