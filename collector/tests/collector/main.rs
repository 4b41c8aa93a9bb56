//! The collector against a world that rotates, truncates, kills and refuses.

#[cfg(test)]
mod archives;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod property;
#[cfg(test)]
mod send;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod world;
