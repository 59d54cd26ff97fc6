//! Stories, laws, crash and fault tests, real-data tests, architecture tests.

pub mod finance;
pub mod history;
pub mod schema;
pub mod shop;
pub mod site;
pub mod stage;
