//! Statements and books for people and for other programs: XLSX, HTML, Parquet, beancount, hledger.
