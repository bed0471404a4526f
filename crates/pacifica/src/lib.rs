//! One replica of one group: the PacificA protocol as a pure state machine.
