//! `docs/INTEROP.md`, from the results.
