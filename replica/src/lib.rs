//! The replica server: partition actors around the PacificA core, over the log and the engine.
