//! The collector against a world that rotates, truncates, kills and refuses.

#[cfg(test)]
mod adversity;
#[cfg(test)]
mod archives;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod beginnings;
#[cfg(test)]
mod bounded;
#[cfg(test)]
mod carry;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod heartbeat;
#[cfg(test)]
mod import;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod property;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod send;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod technician;
#[cfg(test)]
mod unreadable;
#[cfg(test)]
mod world;
