//! Statements of a migration: cut apart, and written anew for a cluster.

use std::borrow::Cow;

/// Setting that windows of plain and of replicated tables are called by.
const PLAIN_WINDOW: &str = "non_replicated_deduplication_window";
const REPLICATED_WINDOW: &str = "replicated_deduplication_window";

/// What follows the name of a distributed table's local one.
const EVERYWHERE: &str = "_everywhere";

/// What a statement makes or changes, by its first words.
const SUBJECTS: [&str; 7] = [
    "CREATE TABLE IF NOT EXISTS ",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS ",
    "CREATE VIEW IF NOT EXISTS ",
    "CREATE OR REPLACE VIEW ",
    "DROP VIEW IF EXISTS ",
    "DROP TABLE IF EXISTS ",
    "ALTER TABLE ",
];

/// A statement that has no form for a cluster.
#[derive(Debug, thiserror::Error)]
#[error("no form for a cluster is known of: {0}")]
pub struct Unclustered(pub String);

/// Statements end with `;` at the end of a line.
pub(crate) fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';'))
        .filter(|statement| !uncommented(statement).is_empty())
}

/// A statement without the comment that stands before it.
fn uncommented(statement: &str) -> &str {
    let mut rest = statement.trim_start();
    while rest.starts_with("--") {
        rest = rest
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
    rest
}

/// Writes a statement for every replica of a cluster: tables are replicated,
/// and each has a distributed one beside it that reads all shards.
///
/// # Errors
/// [`Unclustered`] for a statement whose form here is not known.
pub(crate) fn clustered(statement: &str, cluster: &str) -> Result<Vec<String>, Unclustered> {
    let statement = uncommented(statement);
    let unknown = || Unclustered(statement.lines().next().unwrap_or_default().to_owned());
    let subject = SUBJECTS.iter().find(|words| statement.starts_with(**words));
    let subject = subject.ok_or_else(unknown)?;
    let rest = &statement[subject.len()..];
    let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let (name, body) = rest.split_at(end.unwrap_or(rest.len()));
    if name.is_empty() {
        return Err(unknown());
    }
    let on = on_cluster(cluster);
    let whole = |body: &str| format!("{subject}{name}{on}{body}");
    match *subject {
        "CREATE TABLE IF NOT EXISTS " => {
            let body = replicated(body).ok_or_else(unknown)?;
            Ok(vec![whole(&body), distributed(name, &body, cluster)])
        }
        "ALTER TABLE " => {
            let mut written = vec![whole(&body.replace(PLAIN_WINDOW, REPLICATED_WINDOW))];
            // Codecs, times to live and settings are matters of the local table.
            if body.contains("ADD COLUMN") {
                written.push(format!("{subject}{name}{EVERYWHERE}{on}{body}"));
            }
            Ok(written)
        }
        _ => Ok(vec![whole(body)]),
    }
}

/// ` ON CLUSTER 'name'`.
pub(crate) fn on_cluster(cluster: &str) -> String {
    format!(" ON CLUSTER {}", quoted(cluster))
}

/// A text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The rest of a table's statement with its engine replicated; `None` for an
/// engine that cannot be.
fn replicated(body: &str) -> Option<Cow<'_, str>> {
    let (columns, engine) = body.split_once("\nENGINE = ")?;
    let end = engine.find(|letter: char| !letter.is_ascii_alphanumeric())?;
    let (family, rest) = engine.split_at(end);
    if !family.ends_with("MergeTree") || family.starts_with("Replicated") {
        return None;
    }
    // Replicas of a shard share the path.
    let place = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'";
    let arguments = match rest.strip_prefix('(') {
        Some(rest) => format!("({place}, {rest}"),
        None => format!("({place}){rest}"),
    };
    let arguments = arguments.replace(PLAIN_WINDOW, REPLICATED_WINDOW);
    Some(format!("{columns}\nENGINE = Replicated{family}{arguments}").into())
}

/// The table beside a local one that reads and fills all shards: rows of one
/// device lie together, so that what replaces a row meets it.
fn distributed(name: &str, body: &str, cluster: &str) -> String {
    let key = if body.contains("\n    device_id ") {
        "cityHash64(device_id)"
    } else {
        "rand()"
    };
    format!(
        "CREATE TABLE IF NOT EXISTS {name}{EVERYWHERE}{} AS {name}\n\
         ENGINE = Distributed({}, currentDatabase(), {name}, {key})",
        on_cluster(cluster),
        quoted(cluster),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_inside_a_line_does_not_end_a_statement() {
        let found: Vec<_> = statements("SELECT ';' AS a\n;\nSELECT 2;\n-- nothing;\n").collect();
        assert_eq!(found, ["SELECT ';' AS a", "SELECT 2"]);
    }

    #[test]
    fn a_table_is_replicated_under_its_shard_and_distributed_by_device() {
        let local = "-- Why.\nCREATE TABLE IF NOT EXISTS seen\n(\n    device_id String\n)\n\
            ENGINE = ReplacingMergeTree(version)\nORDER BY device_id\n\
            SETTINGS non_replicated_deduplication_window = 1000";
        let [table, everywhere] = &clustered(local, "bank").unwrap()[..] else {
            panic!("two statements");
        };
        assert!(table.starts_with("CREATE TABLE IF NOT EXISTS seen ON CLUSTER 'bank'\n("));
        assert!(table.contains(
            "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', \
             '{replica}', version)"
        ));
        assert!(table.ends_with("SETTINGS replicated_deduplication_window = 1000"));
        assert!(everywhere.contains("seen_everywhere ON CLUSTER 'bank' AS seen"));
        assert!(everywhere.contains("cityHash64(device_id)"));
    }

    #[test]
    fn a_new_column_is_added_everywhere_and_a_setting_where_the_rows_lie() {
        let added = clustered("ALTER TABLE seen ADD COLUMN a UInt8", "bank").unwrap();
        assert_eq!(
            added[1],
            "ALTER TABLE seen_everywhere ON CLUSTER 'bank' ADD COLUMN a UInt8"
        );
        let set = clustered("ALTER TABLE seen MODIFY SETTING b = 1", "bank").unwrap();
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn what_has_no_form_for_a_cluster_is_refused_and_not_left_on_one_server() {
        for statement in [
            "INSERT INTO seen VALUES (1)",
            "CREATE TABLE IF NOT EXISTS a\nENGINE = Log",
        ] {
            assert!(clustered(statement, "bank").is_err(), "{statement}");
        }
        assert_eq!(quoted("it's"), "'it\\'s'");
    }
}
