<#
.SYNOPSIS
Installs the kbwatch collector as a Windows service under an account of its own.

.DESCRIPTION
Copies the program, the certificates and a configuration, grants the service
read access to the servicing logs and to the event log and nothing else, starts
it and shows what `kbwatch-collector check` says. Run again, it replaces the
program and keeps configuration and checkpoint. An installation that fails is
taken back: of a first one nothing stays, of a later one the program before.

.EXAMPLE
.\install.ps1 -Gateway https://kbwatch.bank.example:7443 -Ca ca.pem -Cert pc-1.pem -Key pc-1.key

.EXAMPLE
.\install.ps1 -Gateway https://kbwatch.bank.example:7443 -Ca ca.pem -StoreSubject pc-1
With a certificate of the machine's store Personal. Then let the service's
account read its key: certlm.msc, All Tasks, Manage Private Keys.

.EXAMPLE
.\install.ps1 -Gateway https://kbwatch.bank.example:7443 -Ca ca.pem -StoreSubject pc-1 -WhatIf
Looks whether everything is there and may be used, and changes nothing.
#>
#Requires -Version 5.1
#Requires -RunAsAdministrator
[CmdletBinding(DefaultParameterSetName = 'Files', SupportsShouldProcess = $true)]
param(
    # Address of the gateway, https://host:port.
    [Parameter(Mandatory = $true)][ValidatePattern('^https://[^\s'']+$')][string]$Gateway,
    # Certificates of the authority that vouches for the gateway, PEM.
    [Parameter(Mandatory = $true)][string]$Ca,
    # This device's certificate and its key, PEM.
    [Parameter(Mandatory = $true, ParameterSetName = 'Files')][string]$Cert,
    [Parameter(Mandatory = $true, ParameterSetName = 'Files')][string]$Key,
    # Common name of a certificate in the machine's store, instead of both.
    [Parameter(Mandatory = $true, ParameterSetName = 'Store')][ValidatePattern('^[^\r\n'']+$')][string]$StoreSubject,
    # The program to install.
    [string]$Program = (Join-Path $PSScriptRoot 'kbwatch-collector.exe'),
    # Name a folder on a disk that keeps its writes where C: loses them at restart.
    [ValidatePattern('^[A-Za-z]:\\[^\r\n'']+$')][string]$StateFolder = (Join-Path $env:ProgramData 'kbwatch\collector'),
    # Also puts the group policy templates into this machine's policy store.
    [switch]$PolicyTemplates
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$Name = 'kbwatch-collector'
$Account = "NT SERVICE\$Name"
$ProgramFolder = Join-Path $env:ProgramFiles 'kbwatch'
$ConfigFolder = Join-Path $env:ProgramData 'kbwatch'
$Config = Join-Path $ConfigFolder 'collector.toml'
$Exe = Join-Path $ProgramFolder 'kbwatch-collector.exe'
# Well-known groups by SID: their names differ by language.
$Administrators = 'S-1-5-32-544'
$System = 'S-1-5-18'
$EventLogReaders = 'S-1-5-32-573'
# The service's own SID, which Windows derives from its name.
$Hash = [Security.Cryptography.SHA1]::Create().ComputeHash([Text.Encoding]::Unicode.GetBytes($Name.ToUpperInvariant()))
$ServiceSid = 'S-1-5-80-' + ((0..4 | ForEach-Object { [BitConverter]::ToUInt32($Hash, 4 * $_) }) -join '-')

# Every user may make folders in ProgramData, and whoever owns one may change
# who else gets in; a link in one leads what is done here elsewhere. A first
# install takes over nothing that someone else prepared.
function Assert-Own([string]$Folder) {
    if (-not (Test-Path -LiteralPath $Folder)) { return }
    $pending = New-Object Collections.Stack
    $pending.Push((Get-Item -LiteralPath $Folder -Force))
    while ($pending.Count -gt 0) {
        $item = $pending.Pop()
        $path = $item.FullName
        if ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) {
            throw "$path is a link: remove it and run this again"
        }
        $owner = (Get-Acl -LiteralPath $path).GetOwner([Security.Principal.SecurityIdentifier]).Value
        # What the service wrote before a removal that kept it is its own.
        $allowed = @($Administrators, $System)
        if ($path -ne $Folder) { $allowed += $ServiceSid }
        if ($owner -notin $allowed) {
            throw "$path belongs to $owner, not to administrators: look into it, remove it, run this again"
        }
        if ($item.PSIsContainer) {
            Get-ChildItem -LiteralPath $path -Force | ForEach-Object { $pending.Push($_) }
        }
    }
}

# Shut from its first moment on: nobody can put anything in before the rights
# are set.
function New-PrivateFolder([string]$Folder) {
    if (Test-Path -LiteralPath $Folder) { return }
    $security = New-Object Security.AccessControl.DirectorySecurity
    $security.SetSecurityDescriptorSddlForm('O:BAD:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)')
    if ($PSVersionTable.PSVersion.Major -ge 6) {
        [IO.FileSystemAclExtensions]::CreateDirectory($security, $Folder) | Out-Null
    } else {
        [IO.Directory]::CreateDirectory($Folder, $security) | Out-Null
    }
    # Someone may have been quicker.
    Assert-Own $Folder
}

function Invoke-Checked([string]$File, [string[]]$Arguments) {
    & $File @Arguments | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "$File $Arguments failed with $LASTEXITCODE" }
}

# ---- what is asked for ----

if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
    throw 'this is a 32-bit PowerShell, which sees other folders: start the 64-bit one (through sysnative, where a 32-bit program deploys)'
}
$inStore = $PSCmdlet.ParameterSetName -eq 'Store'
$files = @($Program, $Ca)
if (-not $inStore) { $files += $Cert, $Key }
foreach ($file in $files) {
    if (-not (Test-Path -LiteralPath $file -PathType Leaf)) { throw "$file is not there" }
}

# What is removed with the service must hold nothing else.
if ($PSBoundParameters.ContainsKey('StateFolder') -and (Split-Path -Leaf $StateFolder) -ne $Name) {
    $StateFolder = Join-Path $StateFolder $Name
}

$exists = $null -ne (Get-Service -Name $Name -ErrorAction SilentlyContinue)
if (-not $exists) { $ConfigFolder, $StateFolder | ForEach-Object { Assert-Own $_ } }
$what = if ($exists) { 'replace program and certificates, keep configuration and checkpoint' } else { 'install' }
if (-not $PSCmdlet.ShouldProcess($Name, $what)) { return }

# ---- the steps, each of which may be done again ----

function Install-Program {
    New-Item -ItemType Directory -Force -Path $ProgramFolder | Out-Null
    Copy-Item -LiteralPath $Program -Destination "$Exe.new" -Force
    if (Test-Path -LiteralPath $Exe) {
        Move-Item -LiteralPath $Exe -Destination "$Exe.old" -Force
        $script:replaced = $true
    }
    Move-Item -LiteralPath "$Exe.new" -Destination $Exe
}

# A virtual account: no password, no rights but those granted here.
function Install-Service {
    $command = "`"$Exe`" service --config `"$Config`""
    if ($exists) {
        # Not by sc.exe: Windows PowerShell loses quotes inside a program's arguments.
        $change = Get-CimInstance -ClassName Win32_Service -Filter "Name = '$Name'" |
            Invoke-CimMethod -MethodName Change -Arguments @{ PathName = $command }
        if ($change.ReturnValue -ne 0) { throw "changing the service failed with $($change.ReturnValue)" }
    } else {
        # Not started before everything else is done, not even by a restart.
        New-Service -Name $Name -BinaryPathName $command -StartupType Manual `
            -DisplayName 'kbwatch collector' `
            -Description 'Reads Windows update logs and reports what they say. Reads only.' | Out-Null
    }
    # Also where it exists: whatever it ran as before, it runs as this.
    Invoke-Checked sc.exe @('config', $Name, 'obj=', $Account)
    Invoke-Checked sc.exe @('sidtype', $Name, 'unrestricted')
    Invoke-Checked sc.exe @('privs', $Name, 'SeChangeNotifyPrivilege')
    Invoke-Checked sc.exe @('failure', $Name, 'reset=', '86400', 'actions=', 'restart/60000/restart/300000/restart/3600000')
    Invoke-Checked sc.exe @('failureflag', $Name, '1')
}

# The folder with the key is for administrators and the service alone.
function Grant-Rights {
    foreach ($folder in $ConfigFolder, $StateFolder) {
        New-PrivateFolder $folder
        if (-not $exists) {
            # Whatever was granted before is void; later a key lies here, and stays shut.
            Invoke-Checked icacls.exe @($folder, '/setowner', "*$Administrators", '/T', '/C')
            Invoke-Checked icacls.exe @($folder, '/reset', '/T', '/C')
        }
    }
    Invoke-Checked icacls.exe @($ConfigFolder, '/inheritance:r', '/grant:r',
        "*${Administrators}:(OI)(CI)F", "*${System}:(OI)(CI)F", "*${ServiceSid}:(OI)(CI)RX")
    Invoke-Checked icacls.exe @($StateFolder, '/inheritance:r', '/grant:r',
        "*${Administrators}:(OI)(CI)F", "*${System}:(OI)(CI)F", "*${ServiceSid}:(OI)(CI)M")
    foreach ($folder in 'Logs\CBS', 'Logs\DISM', 'Logs\MoSetup', 'CCM\Logs') {
        $logs = Join-Path $env:windir $folder
        if (Test-Path -LiteralPath $logs) {
            Invoke-Checked icacls.exe @($logs, '/grant', "*${ServiceSid}:(OI)(CI)R")
        }
    }
    # Its members are not asked for: one whose account is gone makes that fail.
    try {
        Add-LocalGroupMember -SID $EventLogReaders -Member $ServiceSid
    } catch {
        if ($_.FullyQualifiedErrorId -notlike 'MemberExists*') { throw }
    }
}

function Install-Settings {
    Copy-Item -LiteralPath $Ca -Destination (Join-Path $ConfigFolder 'ca.pem') -Force
    if (-not $inStore) {
        Copy-Item -LiteralPath $Cert -Destination (Join-Path $ConfigFolder 'device.pem') -Force
        Copy-Item -LiteralPath $Key -Destination (Join-Path $ConfigFolder 'device.key') -Force
    }
    if (Test-Path -LiteralPath $Config) {
        Write-Host "kept $Config; settings of this call that differ from it were not written"
        return
    }
    $own = if ($inStore) {
        "store_subject = '$StoreSubject'"
    } else {
        "cert = '$(Join-Path $ConfigFolder 'device.pem')'"
        "key = '$(Join-Path $ConfigFolder 'device.key')'"
    }
    $text = (@(
        "gateway = '$Gateway'"
        "state_dir = '$StateFolder'"
        ''
        '[tls]'
        "ca = '$(Join-Path $ConfigFolder 'ca.pem')'"
    ) + $own) -join "`r`n"
    # Without a byte order mark, which Set-Content of Windows PowerShell adds.
    [IO.File]::WriteAllText($Config, $text)
}

function Install-PolicyTemplates {
    $store = Join-Path $env:windir 'PolicyDefinitions'
    Copy-Item -LiteralPath (Join-Path $PSScriptRoot 'policy\kbwatch.admx') -Destination $store -Force
    foreach ($language in 'en-US', 'zh-CN') {
        $folder = Join-Path $store $language
        if (Test-Path -LiteralPath $folder) {
            Copy-Item -LiteralPath (Join-Path $PSScriptRoot "policy\$language\kbwatch.adml") -Destination $folder -Force
        }
    }
}

# What is half done is taken back, as far as it goes.
function Undo-Installation {
    Stop-Service -Name $Name -ErrorAction SilentlyContinue
    if ($exists) {
        if ($script:replaced) { Move-Item -LiteralPath "$Exe.old" -Destination $Exe -Force }
        Start-Service -Name $Name
        Write-Warning 'the program before runs again'
    } else {
        # Configuration and checkpoint of an installation that was removed stay.
        & (Join-Path $PSScriptRoot 'uninstall.ps1') -KeepState:$hadState
    }
}

$replaced = $false
$hadState = (Test-Path -LiteralPath $Config) -or (Test-Path -LiteralPath $StateFolder)
try {
    if ($exists) { Stop-Service -Name $Name }
    Install-Program
    Install-Service
    Grant-Rights
    Install-Settings
    if ($PolicyTemplates) { Install-PolicyTemplates }
    Invoke-Checked sc.exe @('config', $Name, 'start=', 'delayed-auto')
    Start-Service -Name $Name
} catch {
    $failure = $_
    Write-Warning "failed: $failure"
    try { Undo-Installation } catch { Write-Warning "not everything was taken back: $_" }
    throw $failure
}
if (Test-Path -LiteralPath "$Exe.old") {
    Remove-Item -LiteralPath "$Exe.old" -Force -ErrorAction SilentlyContinue
}
if (-not $inStore) { Write-Host "the service reads its own copy of the key: remove $Key" }

# Long enough for a first receipt.
Start-Sleep -Seconds 10
& $Exe check --config $Config
exit $LASTEXITCODE
