//! What holds for the declared schema of every module.
