//! Whole investigations with the real programs, undisturbed and disturbed.
