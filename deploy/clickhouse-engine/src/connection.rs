//! Where a ClickHouse server is and who asks it.

use clickhouse::Client;

/// Address, user and database of a ClickHouse server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// `http://127.0.0.1:21123`, without user or path.
    pub url: String,
    /// User name.
    pub user: String,
    /// Its password; may be empty.
    pub password: String,
    /// Database that statements without a prefix mean.
    pub database: String,
}

/// A URL that names no ClickHouse server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ClickHouse URL {url:?} {fault}: write http://user:password@host:8123/database")]
pub struct InvalidUrl {
    url: String,
    fault: &'static str,
}

impl Connection {
    /// Reads `http://user:password@host:8123/database`; user, password and
    /// database may be left out and are then `default`, empty and `kbwatch`.
    pub fn from_url(url: &str) -> Result<Self, InvalidUrl> {
        let fault = |fault| InvalidUrl {
            // Never repeat a password into a log.
            url: url.rsplit('@').next().unwrap_or_default().to_owned(),
            fault,
        };
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| fault("has no scheme"))?;
        if scheme != "http" {
            return Err(fault("is not http"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        if host.is_empty() {
            return Err(fault("has no host"));
        }
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let database = path.split(['?', '/']).next().unwrap_or_default();
        let or =
            |text: &str, fallback: &str| if text.is_empty() { fallback } else { text }.to_owned();
        Ok(Self {
            url: format!("{scheme}://{host}"),
            user: or(user, "default"),
            password: password.to_owned(),
            database: or(database, "kbwatch"),
        })
    }

    /// All of it as [`Connection::from_url`] reads it; holds the password.
    pub fn to_url(&self) -> String {
        let host = self.url.strip_prefix("http://").unwrap_or(&self.url);
        let Self {
            user,
            password,
            database,
            ..
        } = self;
        format!("http://{user}:{password}@{host}/{database}")
    }

    /// A client that speaks to this server and means this database.
    pub fn client(&self) -> Client {
        self.server_client().with_database(&self.database)
    }

    /// A client that means no database: for `CREATE DATABASE`.
    pub fn server_client(&self) -> Client {
        Client::default()
            .with_url(&self.url)
            .with_user(&self.user)
            .with_password(&self.password)
    }

    /// The same server with another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self {
            database: database.to_owned(),
            ..self.clone()
        }
    }

    /// Creates the database if it does not exist.
    ///
    /// # Errors
    /// The server's answer, or that it did not answer.
    pub async fn create_database(&self) -> Result<(), clickhouse::error::Error> {
        self.server_client()
            .query("CREATE DATABASE IF NOT EXISTS ? ENGINE = Atomic")
            .bind(clickhouse::sql::Identifier(&self.database))
            .execute()
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_user_password_host_and_database() {
        let connection = Connection::from_url("http://ops:s3cret@10.0.0.1:8123/fleet").unwrap();
        assert_eq!(connection.url, "http://10.0.0.1:8123");
        assert_eq!(connection.user, "ops");
        assert_eq!(connection.password, "s3cret");
        assert_eq!(connection.database, "fleet");
    }

    #[test]
    fn a_bare_url_means_the_default_user_and_our_database() {
        let connection = Connection::from_url("http://127.0.0.1:8123").unwrap();
        assert_eq!(
            (connection.user.as_str(), connection.database.as_str()),
            ("default", "kbwatch")
        );
    }

    #[test]
    fn a_refused_url_does_not_repeat_its_password() {
        let error = Connection::from_url("clickhouse://ops:s3cret@db").unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
        assert!(error.to_string().contains("http://"));
    }
}
