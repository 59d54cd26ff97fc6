//! The read-model engine, the models and their queries.
