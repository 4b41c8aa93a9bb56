//! Tokens used twice, too late, by another, by many at once.

use std::sync::Barrier;
use std::time::UNIX_EPOCH;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn now() -> SystemTime {
    UNIX_EPOCH + HOUR * 500_000
}

struct Given {
    folder: tempfile::TempDir,
    tokens: Tokens,
    token: String,
}

fn given() -> Given {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::of(folder.path());
    let token = tokens.give_out("PC-1", None, now(), HOUR).unwrap();
    Given {
        folder,
        tokens,
        token,
    }
}

impl Given {
    fn use_up(&self, key: &str, at: SystemTime) -> Result<Certified, TokenError> {
        let certify = |grant: &Grant| Ok(format!("{} of {key}", grant.device_id));
        self.tokens.use_up((&self.token, ""), key, at, certify)
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder.path().join("tokens")).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }
}

#[test]
fn a_token_is_good_for_one_key_which_may_hear_the_answer_again() {
    let given = given();
    let first = given.use_up("key-1", now()).unwrap();
    assert_eq!(first.certificate, "pc-1 of key-1");
    assert!(!first.again);
    let again = given.use_up("key-1", now()).unwrap();
    assert_eq!((again.certificate, again.again), (first.certificate, true));
    let stolen = given.use_up("key-2", now());
    assert!(matches!(stolen, Err(TokenError::Used)));
    let late = given.use_up("key-1", now() + HOUR * 2);
    assert!(matches!(late, Err(TokenError::Expired)));
}

#[test]
fn a_token_that_is_over_or_nobodys_is_good_for_nothing() {
    let given = given();
    let late = given.use_up("key-1", now() + HOUR * 2);
    assert!(matches!(late, Err(TokenError::Expired)));
    for token in ["", "0123", "../ca", &"0".repeat(4_000)] {
        let none = given.tokens.use_up((token, ""), "key-1", now(), |_| {
            unreachable!("nothing is certified")
        });
        assert!(matches!(none, Err(TokenError::Unknown)), "{token}");
    }
    // It was not used up by being late.
    assert!(given.use_up("key-1", now()).is_ok());
}

#[test]
fn whoever_brings_the_token_of_another_device_does_not_use_it_up() {
    let given = given();
    let certify = |_: &Grant| Ok(String::new());
    let brought = (given.token.as_str(), "pc-2");
    let refused = given.tokens.use_up(brought, "key-2", now(), certify);
    assert!(matches!(refused, Err(TokenError::OtherDevice { .. })));
    let own = (given.token.as_str(), "Pc-1");
    assert!(given.tokens.use_up(own, "key-1", now(), certify).is_ok());
}

#[test]
fn of_many_at_once_one_key_is_certified() {
    for _ in 0..20 {
        let given = given();
        let start = Barrier::new(8);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let tries = (0..8).map(|number| {
                let (given, start) = (&given, &start);
                scope.spawn(move || {
                    start.wait();
                    given.use_up(&format!("key-{}", number / 2), now())
                })
            });
            let tries: Vec<_> = tries.collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let mut certified: Vec<_> = outcomes.iter().flatten().collect();
        certified.dedup_by_key(|one| one.certificate.clone());
        assert_eq!(certified.len(), 1, "{outcomes:?}");
        let first = outcomes.iter().flatten().filter(|one| !one.again);
        assert_eq!(first.count(), 1);
        assert_eq!(given.files().len(), 1, "{:?}", given.files());
    }
}

#[test]
fn a_kill_anywhere_certifies_one_key_at_most() {
    // Before it was claimed: the token is as good as new.
    let given = given();
    let part = given.tokens.path(&given.token, "0.part");
    fs::write(part, "half of").unwrap();
    let certified = given.use_up("key-1", now()).unwrap();
    // After that, before it was tidied away.
    let fresh = given.tokens.path(&given.token, "json");
    write(&fresh, &certified.grant).unwrap();
    let stolen = given.use_up("key-2", now());
    assert!(matches!(stolen, Err(TokenError::Used)));
    assert!(!fresh.exists());
    assert!(given.use_up("key-1", now()).unwrap().again);
}

#[test]
fn a_certificate_that_could_not_be_made_leaves_the_token_good() {
    let given = given();
    let failed = |_: &Grant| Err(PkiError::Id { id: String::new() });
    let outcome = given
        .tokens
        .use_up((&given.token, ""), "key-1", now(), failed);
    assert!(matches!(outcome, Err(TokenError::Failed(_))));
    assert!(!given.use_up("key-2", now()).unwrap().again);
}

#[test]
fn a_token_lies_nowhere_in_clear() {
    let given = given();
    given.use_up("key-1", now()).unwrap();
    for path in given.files() {
        assert!(!path.to_string_lossy().contains(&given.token));
        assert!(!fs::read_to_string(&path).unwrap().contains(&given.token));
    }
    assert_eq!(given.token.len(), 32);
}

#[test]
fn nobody_gets_a_token_for_what_is_no_device() {
    let given = given();
    let refused = given.tokens.give_out("../ca", None, now(), HOUR);
    assert!(matches!(refused, Err(PkiError::Id { .. })));
    let refused = given.tokens.give_out("pc-1", Some("a b"), now(), HOUR);
    assert!(matches!(refused, Err(PkiError::Id { .. })));
}
