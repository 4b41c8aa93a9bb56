//! How messages of the update agent begin, in the languages that are known by
//! heart.

/// How messages of the update agent begin, with the number of their event.
pub(super) const UPDATE_AGENT: &[(&str, u32)] = &[
    ("Uninstallation Successful:", 23),
    ("Uninstallation Failure:", 24),
    ("Uninstallation Started:", 214),
    ("Installation Successful:", 19),
    ("Installation Failure:", 20),
    ("Installation Started:", 43),
    ("Installation Ready:", 17),
    ("Restart Required:", 21),
    ("Unable to Connect:", 16),
    ("Windows Update started downloading an update", 44),
    ("Windows Update failed to download an update", 31),
    ("Windows Update failed to check for updates", 25),
    ("Windows Update successfully found", 26),
    ("安装成功:", 19),
    ("安装成功：", 19),
    ("安装失败:", 20),
    ("安装失败：", 20),
    ("安装已启动:", 43),
    ("安装已启动：", 43),
    ("Windows 更新已开始下载更新", 44),
    ("Ошибка установки:", 20),
    ("Успешная установка:", 19),
    ("Установка начата:", 43),
];

/// The same in languages whose words other programs use too: there a message
/// also has to hold a code or an update.
const IN_OTHER_LANGUAGES: &[(&str, u32)] = &[
    ("Installation erfolgreich:", 19),
    ("Installationsfehler:", 20),
    ("Fehler bei der Installation:", 20),
    ("Installation gestartet:", 43),
    ("Installation réussie", 19),
    ("Échec de l'installation", 20),
    ("Échec de l’installation", 20),
    ("Échec d'installation", 20),
    ("Échec d’installation", 20),
    ("Installation démarrée", 43),
    ("Instalación correcta:", 19),
    ("Error de instalación:", 20),
    ("Instalación iniciada:", 43),
    ("Installazione riuscita", 19),
    ("Errore di installazione", 20),
    ("Installazione avviata", 43),
    ("Instalação bem-sucedida:", 19),
    ("Instalação Bem-sucedida:", 19),
    ("Falha na instalação:", 20),
    ("Falha na Instalação:", 20),
    ("Falha de Instalação:", 20),
    ("Instalação Iniciada:", 43),
    ("インストール成功:", 19),
    ("インストールの成功:", 19),
    ("インストールの失敗:", 20),
    ("インストール失敗:", 20),
    ("インストールの開始:", 43),
    ("インストール開始:", 43),
    ("설치 성공:", 19),
    ("설치 실패:", 20),
    ("설치 시작:", 43),
    ("安裝成功:", 19),
    ("安裝成功：", 19),
    ("安裝失敗:", 20),
    ("安裝失敗：", 20),
    ("安裝已啟動:", 43),
    ("安裝已開始:", 43),
    ("Instalacja powiodła się:", 19),
    ("Niepowodzenie instalacji:", 20),
    ("Yükleme Başarılı:", 19),
    ("Yükleme Hatası:", 20),
    ("Installatie geslaagd:", 19),
    ("Installatiefout:", 20),
];

/// A message in one of them, from its beginning on, and its event's number.
pub(super) fn in_other_language(line: &str) -> Option<(&str, u32)> {
    if line.is_ascii() && !line.contains("nstalla") && !line.contains("Fehler") {
        return None;
    }
    let found = IN_OTHER_LANGUAGES
        .iter()
        .find_map(|(start, number)| Some((&line[line.find(start)?..], *number)));
    let (text, number) = found?;
    let holds = match number {
        20 => text.contains("0x8") || text.contains("0xC") || text.contains("0xc"),
        _ => text.contains("KB") || crate::parse::event_log::names_store_app(text),
    };
    holds.then_some((text, number))
}

#[cfg(test)]
mod tests {
    use super::in_other_language;

    #[test]
    fn words_of_other_programs_are_no_messages_of_the_update_agent() {
        for (line, number) in [
            ("Installationsfehler: Paket nicht gefunden", None),
            (
                "Installationsfehler: Die Installation des folgenden Updates ist mit Fehler \
                 0x800F0922 fehlgeschlagen: 2023-01 (KB5022286)",
                Some(20),
            ),
            ("インストールの失敗: ファイルがありません", None),
            (
                "安裝成功: Windows 已成功安裝下列更新: 2023-01 (KB5022286)",
                Some(19),
            ),
            ("安裝成功: 9ABCDEFGH123-Example.Calculator", Some(19)),
            ("Installation complete", None),
        ] {
            let told = in_other_language(line).map(|(_, number)| number);
            assert_eq!(told, number, "{line}");
        }
    }
}
