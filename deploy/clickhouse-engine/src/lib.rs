//! A real ClickHouse server on one machine, hosted as a child process.
//!
//! The server is `libchdb.so`, the whole of ClickHouse as a library. It owns
//! allocator, signals and exit paths of its process, so it lives in a child:
//! the parent starts its own executable again with a hidden first argument
//! ([`host_if_asked`]), restarts it when it dies, with the same port and
//! password, and takes it along when it goes, however it goes.
//!
//! The server listens on loopback only, behind a user with a random password.

mod connection;
mod data_folder;
mod engine;
mod host;
mod launch;
mod library;
mod server_config;
pub mod testing;

pub use connection::{Connection, InvalidUrl};
pub use data_folder::{DataFolder, DataFolderError};
pub use engine::{Engine, EngineError};
pub use host::host_if_asked;
pub use launch::EngineConfig;
pub use library::{LIBRARY_FOLDER, MissingLibrary, find_library};

/// What a process exits with when its data folder cannot be used; `EX_CANTCREAT`.
pub const EXIT_DATA_FOLDER: i32 = 73;
