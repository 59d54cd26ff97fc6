//! Statement files of providers and banks, and what of them the books know.
