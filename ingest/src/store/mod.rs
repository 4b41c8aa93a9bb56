//! From sealed batches to rows: unpack, check, group, insert, answer.
