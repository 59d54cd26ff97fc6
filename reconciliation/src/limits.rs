//! Every limit of what is read, in one place. A file beyond one is refused, naming it.

/// Largest file, in bytes, packed or not.
pub const MAX_FILE_BYTES: usize = 128 << 20;
/// Most that a packed file may unpack to, in bytes.
pub const MAX_UNPACKED_BYTES: u64 = 256 << 20;
/// Most that a packed file may grow by unpacking: ledgers shrink to a tenth, a bomb to a thousandth.
pub const MAX_UNPACKED_RATIO: u64 = 200;
/// Most files in a packed one.
pub const MAX_PACKED_FILES: usize = 64;
/// Most lines of statements in a file.
pub const MAX_LINES: usize = 1_000_000;
/// Longest cell, tag or element text, in bytes.
pub const MAX_TEXT_BYTES: usize = 16 << 10;
/// Deepest nesting of XML elements; camt needs about twenty.
pub const MAX_XML_DEPTH: usize = 48;
/// Most references kept of one line: a bank books a batch of payments as one.
pub const MAX_REFERENCES: usize = 1_024;
/// Most elements of an XML file, a gigabyte of memory; a line of camt has about twenty, a transaction of a batch the same.
pub const MAX_XML_ELEMENTS: usize = 5_000_000;
