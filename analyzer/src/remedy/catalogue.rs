//! Which class of cure a final code asks for, and where that is known from.

/// Class of a cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Files of the component store are damaged or missing.
    ComponentStore,
    /// The source of a package was not reachable or did not hold it.
    Source,
    /// The way to the update server is broken.
    Network,
    /// No room.
    Disk,
    /// Something else waits for a reboot.
    Reboot,
    /// A newer servicing stack or another update is needed first.
    Prerequisite,
    /// An installer inside the update failed.
    Installer,
    /// A service is off.
    Service,
    /// Clock, certificate or signature.
    Trust,
    /// The update agent's own store is damaged.
    AgentStore,
    /// Another program holds files or denies access.
    Meddling,
    /// A policy forbids it.
    Policy,
    /// It was cut short; trying again is the cure.
    Retry,
    /// Not known: look at the evidence.
    Unknown,
}

impl Class {
    /// The word on screens and in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ComponentStore => "component_store",
            Self::Source => "source",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Reboot => "reboot",
            Self::Prerequisite => "prerequisite",
            Self::Installer => "installer",
            Self::Service => "service",
            Self::Trust => "trust",
            Self::AgentStore => "agent_store",
            Self::Meddling => "meddling",
            Self::Policy => "policy",
            Self::Retry => "retry",
            Self::Unknown => "unknown",
        }
    }

    /// Where these facts come from.
    pub(crate) fn reference(self) -> &'static str {
        match self {
            Self::ComponentStore => {
                "Microsoft Learn: Fix Windows Update corruptions and installation failures; \
                 Windows updates using forward and reverse differentials"
            }
            Self::Source => "Microsoft Learn: Configure a Windows repair source",
            Self::Network | Self::Policy => "Microsoft Learn: Windows Update error reference",
            Self::Trust | Self::AgentStore => {
                "Microsoft Learn: Additional resources for Windows Update"
            }
            _ => "Microsoft Learn: Windows Update common errors and mitigation",
        }
    }
}

/// Class of cure for a final code; `damaged`: the records name broken files.
pub(crate) fn class_of(hresult: u32, damaged: bool) -> Class {
    match hresult {
        // PSFX_E_*: a delta could not be applied to what lies in the store.
        0x800f_0981..=0x800f_0990
        | 0x8007_3712
        | 0x8007_3701
        | 0x8007_36cc
        | 0x8007_36b3
        | 0x8007_371b
        | 0x800f_0830
        | 0x800f_0831
        | 0x800f_0900 => Class::ComponentStore,
        0x800f_081f | 0x800f_0906 | 0x800f_0950 => Class::Source,
        0x8007_0070 | 0x800f_0828 => Class::Disk,
        0x8007_0bc9 | 0x800f_0806 | 0x8024_0016 | 0x800f_0826 => Class::Reboot,
        0x800f_0823 | 0x800f_0991 | 0x800f_081e => Class::Prerequisite,
        0x800f_0922 | 0x8007_0643 | 0x8024_200b => Class::Installer,
        0x8007_0422 | 0x8024_6008 | 0x8008_0005 => Class::Service,
        0x8007_2f8f | 0x800b_0100 | 0x800b_0109 | 0x8009_6010 | 0x8009_2003 => Class::Trust,
        0x8024_8007 | 0x8024_4007 | 0x8024_000e | 0x8024_6013 | 0x8000_ffff | 0x8024_6007
        | 0x8024_200d => Class::AgentStore,
        0x8007_0005 | 0x8007_0020 | 0x800f_0920 | 0x800f_0921 => Class::Meddling,
        0x8024_002e | 0x800f_0907 | 0x800f_0954 => Class::Policy,
        0x8024_0034
        | 0x8024_0438
        | 0x8024_001f
        | 0x8024_4000..=0x8024_4fff
        | 0x8019_0000..=0x8019_ffff
        | 0x8007_2ee0..=0x8007_2eff
        | 0x80d0_0000..=0x80d0_ffff => Class::Network,
        0x8007_000e | 0x8007_05b4 | 0x8007_045b | 0x8007_06be | 0x800f_0821 | 0x8024_001e
        | 0x8024_0009 => Class::Retry,
        _ if damaged => Class::ComponentStore,
        _ => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reverse_delta_family_asks_for_the_store_except_a_missing_prerequisite() {
        assert_eq!(class_of(0x800f_0985, false), Class::ComponentStore);
        assert_eq!(class_of(0x800f_0988, false), Class::ComponentStore);
        assert_eq!(class_of(0x800f_0991, false), Class::Prerequisite);
        assert_eq!(class_of(0x8007_3712, false), Class::ComponentStore);
    }

    #[test]
    fn an_unknown_code_with_broken_files_asks_for_the_store_too() {
        assert_eq!(class_of(0x8004_1234, false), Class::Unknown);
        assert_eq!(class_of(0x8004_1234, true), Class::ComponentStore);
        assert_eq!(class_of(0x8007_0070, true), Class::Disk);
    }
}
