<#
.SYNOPSIS
Removes the kbwatch collector: service, program, rights, and its folders.

.PARAMETER KeepState
Keeps configuration, certificates and checkpoint for a later installation.
#>
#Requires -RunAsAdministrator
[CmdletBinding()]
param([switch]$KeepState)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$Name = 'kbwatch-collector'
$Account = "NT SERVICE\$Name"
$EventLogReaders = 'S-1-5-32-573'

if (Get-Service -Name $Name -ErrorAction SilentlyContinue) {
    Stop-Service -Name $Name
    # While the service exists its account can be named.
    foreach ($folder in 'Logs\CBS', 'Logs\DISM', 'Logs\MoSetup', 'CCM\Logs') {
        $logs = Join-Path $env:windir $folder
        if (Test-Path -LiteralPath $logs) { icacls.exe $logs /remove $Account | Out-Null }
    }
    Remove-LocalGroupMember -SID $EventLogReaders -Member $Account -ErrorAction SilentlyContinue
    sc.exe delete $Name | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "sc.exe delete $Name failed with $LASTEXITCODE" }
}

$folders = @(Join-Path $env:ProgramFiles 'kbwatch')
if (-not $KeepState) {
    $config = Join-Path $env:ProgramData 'kbwatch\collector.toml'
    if (Test-Path -LiteralPath $config) {
        # A state folder that lies elsewhere was named there.
        $named = Select-String -LiteralPath $config -Pattern "^state_dir\s*=\s*'([^']+)'"
        if ($named) {
            $state = $named.Matches[0].Groups[1].Value
            # Only a folder that was made for this service alone.
            if ((Split-Path -Leaf $state) -eq $Name) {
                $folders += $state
            } elseif (-not $state.StartsWith((Join-Path $env:ProgramData 'kbwatch\'))) {
                Write-Host "left $state, which is not this service's own"
            }
        }
    }
    $folders += Join-Path $env:ProgramData 'kbwatch'
}
foreach ($folder in $folders) {
    if (Test-Path -LiteralPath $folder) { Remove-Item -LiteralPath $folder -Recurse -Force }
}

$store = Join-Path $env:windir 'PolicyDefinitions'
foreach ($file in 'kbwatch.admx', 'en-US\kbwatch.adml', 'zh-CN\kbwatch.adml') {
    $template = Join-Path $store $file
    if (Test-Path -LiteralPath $template) { Remove-Item -LiteralPath $template }
}
Write-Host "$Name is removed."
