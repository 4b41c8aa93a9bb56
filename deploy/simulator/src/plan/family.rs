//! Builds of Windows and their monthly updates, as the simulated fleet has
//! them.

/// A monthly cumulative update of one build family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kb {
    /// `KB5022286`.
    pub number: &'static str,
    /// Build family.
    pub build: u32,
    /// Level that it brings.
    pub ubr: u32,
    /// Month as titles print it.
    pub month: &'static str,
    /// Update id, lower case without braces.
    pub guid: &'static str,
    /// Revision beside the id.
    pub revision: u32,
}

impl Kb {
    /// Package identity of the cumulative update.
    pub fn package(&self) -> String {
        format!(
            "Package_for_RollupFix~31bf3856ad364e35~amd64~~{}.{}.1.7",
            self.build, self.ubr
        )
    }

    /// Title in the language in which the device asks for updates.
    pub fn title(&self, language: &str) -> String {
        let version = if self.build == 17763 { "1809" } else { "21H2" };
        let number = self.number;
        let month = self.month;
        if language == "zh-CN" {
            format!(
                "{month} 适用于 Windows 10 Version {version} 的累积更新，适合基于 x64 的系统 ({number})"
            )
        } else {
            format!(
                "{month} Cumulative Update for Windows 10 Version {version} for x64-based Systems ({number})"
            )
        }
    }
}

/// Builds of Windows with the month before last, the last and the new update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Build number.
    pub build: u32,
    /// Level before either update.
    pub base_ubr: u32,
    /// Update that brought `base_ubr`.
    pub base_kb: &'static str,
    /// Update of a month ago.
    pub earlier: Kb,
    /// Update that rolls out now.
    pub current: Kb,
}

/// Windows 10 1809, the family under trial.
pub const FAMILY_17763: Family = Family {
    build: 17763,
    base_ubr: 3650,
    base_kb: "KB5019966",
    earlier: Kb {
        number: "KB5021237",
        build: 17763,
        ubr: 3770,
        month: "2022-12",
        guid: "6a1e0f52-93c4-4a0b-8a57-2d0f5b1c7e31",
        revision: 200,
    },
    current: Kb {
        number: "KB5022286",
        build: 17763,
        ubr: 3887,
        month: "2023-01",
        guid: "b7c2d6a9-0e4f-4d1b-9f38-51e7a2c49d06",
        revision: 201,
    },
};

/// Windows 10 21H2, a small part of the fleet.
pub const FAMILY_19044: Family = Family {
    build: 19044,
    base_ubr: 2251,
    base_kb: "KB5019959",
    earlier: Kb {
        number: "KB5021233",
        build: 19044,
        ubr: 2364,
        month: "2022-12",
        guid: "1f93ab40-7d25-4c68-b0e9-c84d3a6f5912",
        revision: 200,
    },
    current: Kb {
        number: "KB5022282",
        build: 19044,
        ubr: 2486,
        month: "2023-01",
        guid: "e05d8c17-42b6-49fa-a3d1-7b96f0248ce5",
        revision: 201,
    },
};

/// Level of the builds that no simulated release serves.
pub const UBR_WITHOUT_FAMILY: u32 = 5501;

/// The family of a build, where the simulated releases have one.
pub fn family(build: u32) -> Option<&'static Family> {
    [&FAMILY_17763, &FAMILY_19044]
        .into_iter()
        .find(|family| family.build == build)
}
