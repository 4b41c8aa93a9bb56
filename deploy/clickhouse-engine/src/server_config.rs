//! The configuration file of the hosted server: users, caps, small pools.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::data_folder::write_whole;

/// User that kbwatch works as.
pub(crate) const USER: &str = "kbwatch";

/// Database that kbwatch works in.
pub(crate) const DATABASE: &str = "kbwatch";

/// Writes the two files and returns the one to start the server with.
pub(crate) fn write(folder: &Path, password: &str, memory_mb: u64) -> io::Result<PathBuf> {
    let users = folder.join("users.xml");
    write_whole(&users, users_xml(password, memory_mb).as_bytes())?;
    let config = folder.join("config.xml");
    write_whole(&config, config_xml(&users, memory_mb).as_bytes())?;
    Ok(config)
}

/// `default` has no password, for the statement that starts the listeners logs
/// in as it; it may start listeners and count, and read nothing.
fn users_xml(password: &str, memory_mb: u64) -> String {
    let hash = hex(&Sha256::digest(password.as_bytes()));
    let query_bytes = memory_mb * 1024 * 1024 / 4 * 3;
    format!(
        r"<clickhouse>
  <profiles>
    <default/>
    <kbwatch>
      <max_memory_usage>{query_bytes}</max_memory_usage>
      <max_bytes_before_external_group_by>{half}</max_bytes_before_external_group_by>
      <max_bytes_before_external_sort>{half}</max_bytes_before_external_sort>
    </kbwatch>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT SELECT ON system.numbers</query>
      </grants>
    </default>
    <{USER}>
      <password_sha256_hex>{hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>kbwatch</profile>
      <quota>default</quota>
      <grants><query>GRANT ALL ON *.*</query></grants>
    </{USER}>
  </users>
</clickhouse>
",
        half = query_bytes / 2,
    )
}

/// Caches and pools are those of a machine that does other work too. The three
/// merge-tree values must not exceed the pool, or tables refuse to open.
fn config_xml(users: &Path, memory_mb: u64) -> String {
    format!(
        r"<clickhouse>
  <users_config>{users}</users_config>
  <timezone>UTC</timezone>
  <max_server_memory_usage>{bytes}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>4</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>2</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>2</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>
",
        users = escape(&users.to_string_lossy()),
        bytes = memory_mb * 1024 * 1024,
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_itself_is_never_written() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "s3cret", 512).unwrap();
        for file in ["users.xml", "config.xml"] {
            let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
            assert!(!text.contains("s3cret"), "{file}");
        }
    }

    #[test]
    fn a_folder_with_an_ampersand_stays_well_formed() {
        assert!(config_xml(Path::new("/a&b/users.xml"), 512).contains("/a&amp;b/users.xml"));
    }
}
