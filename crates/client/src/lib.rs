//! The native driver: routing cache, retries, request ids.
