<#
.SYNOPSIS
Removes the kbwatch collector: service, program, rights, and its folders.

.PARAMETER KeepState
Keeps configuration, certificates and checkpoint for a later installation.
#>
#Requires -RunAsAdministrator
[CmdletBinding(SupportsShouldProcess = $true)]
param([switch]$KeepState)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$Name = 'kbwatch-collector'
$EventLogReaders = 'S-1-5-32-573'
# The service's own SID, which Windows derives from its name: it can be taken
# out of rights even where the service is gone already.
$Hash = [Security.Cryptography.SHA1]::Create().ComputeHash([Text.Encoding]::Unicode.GetBytes($Name.ToUpperInvariant()))
$ServiceSid = 'S-1-5-80-' + ((0..4 | ForEach-Object { [BitConverter]::ToUInt32($Hash, 4 * $_) }) -join '-')

if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
    throw 'this is a 32-bit PowerShell, which sees other folders: start the 64-bit one (through sysnative, where a 32-bit program deploys)'
}
if (-not $PSCmdlet.ShouldProcess($Name, 'remove')) { return }

foreach ($folder in 'Logs\CBS', 'Logs\DISM', 'Logs\MoSetup', 'CCM\Logs') {
    $logs = Join-Path $env:windir $folder
    if (Test-Path -LiteralPath $logs) {
        icacls.exe $logs /remove "*$ServiceSid" | Out-Null
        if ($LASTEXITCODE -ne 0) { Write-Warning "the service's right to read $logs stays" }
    }
}
try {
    Remove-LocalGroupMember -SID $EventLogReaders -Member $ServiceSid
} catch {
    if ($_.FullyQualifiedErrorId -notlike 'MemberNotFound*') {
        Write-Warning "the service stays a reader of event logs: $_"
    }
}
if (Get-Service -Name $Name -ErrorAction SilentlyContinue) {
    Stop-Service -Name $Name
    sc.exe delete $Name | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "sc.exe delete $Name failed with $LASTEXITCODE" }
}

$folders = @(Join-Path $env:ProgramFiles 'kbwatch')
if (-not $KeepState) {
    $own = Join-Path $env:ProgramData 'kbwatch'
    $config = Join-Path $own 'collector.toml'
    if (Test-Path -LiteralPath $config) {
        # A state folder that lies elsewhere was named there.
        $named = Select-String -LiteralPath $config -Pattern "^state_dir\s*=\s*'([^']+)'"
        if ($named) {
            $state = @($named)[0].Matches[0].Groups[1].Value
            # Only a folder that was made for this service alone.
            if ((Split-Path -Leaf $state) -eq $Name) {
                $folders += $state
            } elseif (-not $state.StartsWith("$own\", [StringComparison]::OrdinalIgnoreCase)) {
                Write-Host "left $state, which is not this service's own"
            }
        }
    }
    $folders += $own
}
foreach ($folder in $folders) {
    # Not by Remove-Item, which goes through links that the service may have
    # left in its folder: with an administrator's rights, anywhere.
    if (Test-Path -LiteralPath $folder) { [IO.Directory]::Delete($folder, $true) }
}

$store = Join-Path $env:windir 'PolicyDefinitions'
foreach ($file in 'kbwatch.admx', 'en-US\kbwatch.adml', 'zh-CN\kbwatch.adml') {
    $template = Join-Path $store $file
    if (Test-Path -LiteralPath $template) { Remove-Item -LiteralPath $template }
}
Write-Host "$Name is removed."
