//! Bad clients of every kind against a real gateway and store, over real TLS:
//! each is refused or contained, counted, and the good ones go on.

#[cfg(test)]
mod connections;
#[cfg(test)]
#[path = "../promises/device.rs"]
mod device;
#[cfg(test)]
mod enrolling;
#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod good;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod line;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod papers;
#[cfg(test)]
mod senders;
