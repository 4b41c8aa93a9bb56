<#
.SYNOPSIS
Installs the kbwatch collector as a Windows service under an account of its own.

.DESCRIPTION
Copies the program, the certificates and a configuration, grants the service
read access to the servicing logs and to the event log and nothing else, starts
it and shows what `kbwatch-collector check` says. Run again, it replaces the
program and keeps configuration and checkpoint.

.EXAMPLE
.\install.ps1 -Gateway https://kbwatch.bank.example:7443 -Ca ca.pem -Cert pc-1.pem -Key pc-1.key

.EXAMPLE
.\install.ps1 -Gateway https://kbwatch.bank.example:7443 -Ca ca.pem -StoreSubject pc-1
With a certificate of the machine's store Personal. Then let the service's
account read its key: certlm.msc, All Tasks, Manage Private Keys.
#>
#Requires -RunAsAdministrator
[CmdletBinding(DefaultParameterSetName = 'Files')]
param(
    # Address of the gateway, https://host:port.
    [Parameter(Mandatory = $true)][string]$Gateway,
    # Certificates of the authority that vouches for the gateway, PEM.
    [Parameter(Mandatory = $true)][string]$Ca,
    # This device's certificate and its key, PEM.
    [Parameter(Mandatory = $true, ParameterSetName = 'Files')][string]$Cert,
    [Parameter(Mandatory = $true, ParameterSetName = 'Files')][string]$Key,
    # Common name of a certificate in the machine's store, instead of both.
    [Parameter(Mandatory = $true, ParameterSetName = 'Store')][string]$StoreSubject,
    # The program to install.
    [string]$Program = (Join-Path $PSScriptRoot 'kbwatch-collector.exe'),
    # Name a folder on a disk that keeps its writes where C: loses them at restart.
    [string]$StateFolder = (Join-Path $env:ProgramData 'kbwatch\collector'),
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
# Well-known groups by SID: their names differ by language.
$Administrators = '*S-1-5-32-544'
$System = '*S-1-5-18'
$EventLogReaders = 'S-1-5-32-573'

# Every user may make folders in ProgramData, and whoever owns one may change
# who else gets in: a first install takes over none that someone prepared.
function Assert-Own([string]$Folder) {
    if (-not (Test-Path -LiteralPath $Folder)) { return }
    $item = Get-Item -LiteralPath $Folder -Force
    if ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) {
        throw "$Folder is a link: remove it and run this again"
    }
    $owner = (Get-Acl -LiteralPath $Folder).GetOwner([Security.Principal.SecurityIdentifier]).Value
    if ($owner -notin 'S-1-5-32-544', 'S-1-5-18') {
        throw "$Folder belongs to $owner, not to administrators: look into it, remove it, run this again"
    }
}

function Invoke-Checked([string]$File, [string[]]$Arguments) {
    & $File @Arguments | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "$File $Arguments failed with $LASTEXITCODE" }
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
if ($exists) { Stop-Service -Name $Name }

if (-not $exists) { $ConfigFolder, $StateFolder | ForEach-Object { Assert-Own $_ } }
New-Item -ItemType Directory -Force -Path $ProgramFolder, $ConfigFolder, $StateFolder | Out-Null
$exe = Join-Path $ProgramFolder 'kbwatch-collector.exe'
Copy-Item -LiteralPath $Program -Destination $exe -Force

# A virtual account: no password, no rights but those granted here.
$command = "`"$exe`" service --config `"$Config`""
if ($exists) {
    # Not by sc.exe: Windows PowerShell loses quotes inside a program's arguments.
    $change = Get-CimInstance -ClassName Win32_Service -Filter "Name = '$Name'" |
        Invoke-CimMethod -MethodName Change -Arguments @{ PathName = $command }
    if ($change.ReturnValue -ne 0) { throw "changing the service failed with $($change.ReturnValue)" }
} else {
    New-Service -Name $Name -BinaryPathName $command -StartupType Automatic `
        -DisplayName 'kbwatch collector' `
        -Description 'Reads Windows update logs and reports what they say. Reads only.' | Out-Null
    Invoke-Checked sc.exe @('config', $Name, 'obj=', $Account, 'start=', 'delayed-auto')
}
Invoke-Checked sc.exe @('sidtype', $Name, 'unrestricted')
Invoke-Checked sc.exe @('privs', $Name, 'SeChangeNotifyPrivilege')
Invoke-Checked sc.exe @('failure', $Name, 'reset=', '86400', 'actions=', 'restart/60000/restart/300000/restart/3600000')
Invoke-Checked sc.exe @('failureflag', $Name, '1')

# The folder with the key is for administrators and the service alone.
if (-not $exists) {
    # Whatever was granted before is void; later a key lies here, and stays shut.
    foreach ($folder in $ConfigFolder, $StateFolder) {
        Invoke-Checked icacls.exe @($folder, '/setowner', $Administrators, '/T', '/C')
        Invoke-Checked icacls.exe @($folder, '/reset', '/T', '/C')
    }
}
Invoke-Checked icacls.exe @($ConfigFolder, '/inheritance:r', '/grant:r',
    "${Administrators}:(OI)(CI)F", "${System}:(OI)(CI)F", "${Account}:(OI)(CI)RX")
Invoke-Checked icacls.exe @($StateFolder, '/inheritance:r', '/grant:r',
    "${Administrators}:(OI)(CI)F", "${System}:(OI)(CI)F", "${Account}:(OI)(CI)M")
foreach ($folder in 'Logs\CBS', 'Logs\DISM', 'Logs\MoSetup', 'CCM\Logs') {
    $logs = Join-Path $env:windir $folder
    if (Test-Path -LiteralPath $logs) {
        Invoke-Checked icacls.exe @($logs, '/grant', "${Account}:(OI)(CI)R")
    }
}
$members = Get-LocalGroupMember -SID $EventLogReaders -ErrorAction SilentlyContinue
if (-not ($members | Where-Object { $_.Name -eq $Account })) {
    Add-LocalGroupMember -SID $EventLogReaders -Member $Account
}

Copy-Item -LiteralPath $Ca -Destination (Join-Path $ConfigFolder 'ca.pem') -Force
if (-not $inStore) {
    Copy-Item -LiteralPath $Cert -Destination (Join-Path $ConfigFolder 'device.pem') -Force
    Copy-Item -LiteralPath $Key -Destination (Join-Path $ConfigFolder 'device.key') -Force
}

if (-not (Test-Path -LiteralPath $Config)) {
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
} else {
    Write-Host "kept $Config; settings of this call that differ from it were not written"
}

if ($PolicyTemplates) {
    $store = Join-Path $env:windir 'PolicyDefinitions'
    Copy-Item -LiteralPath (Join-Path $PSScriptRoot 'policy\kbwatch.admx') -Destination $store -Force
    foreach ($language in 'en-US', 'zh-CN') {
        $folder = Join-Path $store $language
        if (Test-Path -LiteralPath $folder) {
            Copy-Item -LiteralPath (Join-Path $PSScriptRoot "policy\$language\kbwatch.adml") -Destination $folder -Force
        }
    }
}

Start-Service -Name $Name
# Long enough for a first receipt.
Start-Sleep -Seconds 10
& $exe check --config $Config
exit $LASTEXITCODE
