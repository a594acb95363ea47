# PREVIEW: written and read, never run on a Windows machine. docs/platforms.md says what is missing.
# Nothing is overwritten: a version that is complete stays, a configuration that is there stays.
param(
    [Parameter(Mandatory)][string]$Python,
    [Parameter(Mandatory)][string]$Wheels,
    [Parameter(Mandatory)][string]$Version,
    [Parameter(Mandatory)][string]$Collector
)
$ErrorActionPreference = 'Stop'
$Root = Join-Path $env:ProgramFiles 'TramGac\agent'
$Data = Join-Path $env:ProgramData 'TramGac'
$Tree = Join-Path $Root "versions\$Version"
$Config = Join-Path $Data 'agent.toml'
$Utf8 = New-Object System.Text.UTF8Encoding $false

function Invoke-Checked([string]$Program, [string[]]$Words) {
    & $Program @Words
    if ($LASTEXITCODE -ne 0) { throw "$Program ended with $LASTEXITCODE" }
}

if (-not (Test-Path (Join-Path $Tree '.complete'))) {
    $inside = Join-Path $Tree 'Scripts\python.exe'
    Invoke-Checked $Python @('-m', 'venv', '--clear', $Tree)
    $common = @('-m', 'pip', 'install', '--no-index', '--find-links', $Wheels)
    Invoke-Checked $inside ($common + @('--require-hashes', '-r', (Join-Path $Wheels 'agent.txt')))
    Invoke-Checked $inside ($common + @('--no-deps', "tramgac==$Version"))
    New-Item -ItemType File -Path (Join-Path $Tree '.complete') | Out-Null
    Write-Output 'changed: built'
}

if (-not (Test-Path $Data)) {
    New-Item -ItemType Directory -Path (Join-Path $Data 'state') | Out-Null
    # By their numbers, since names of groups are translated: SYSTEM, Administrators, LOCAL SERVICE.
    Invoke-Checked 'icacls.exe' @($Data, '/inheritance:r', '/grant:r',
        '*S-1-5-18:(OI)(CI)F', '*S-1-5-32-544:(OI)(CI)F', '*S-1-5-19:(OI)(CI)M')
    Write-Output 'changed: folders'
}
if (-not (Test-Path $Config)) {
    $state = (Join-Path $Data 'state').Replace('\', '/')
    $text = "[agent]`nstate_dir = `"$state`"`n[collector]`naddress = `"$Collector`"`n" +
        "[checks.uptime]`n[checks.tick]`n"
    [IO.File]::WriteAllText($Config, $text, $Utf8)
    Write-Output 'changed: configuration'
}

$program = Join-Path $Tree 'Scripts\pythonw.exe'
$action = New-ScheduledTaskAction -Execute $program `
    -Argument "-I -m tramgac_agent run --config `"$Config`""
$settings = New-ScheduledTaskSettingsSet -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) `
    -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew -StartWhenAvailable
$who = New-ScheduledTaskPrincipal -UserId 'S-1-5-19' -LogonType ServiceAccount -RunLevel Limited
$before = Get-ScheduledTask -TaskName 'TramGacAgent' -ErrorAction SilentlyContinue
if (-not $before -or $before.Actions[0].Execute -ne $program) {
    Register-ScheduledTask -TaskName 'TramGacAgent' -Action $action -Settings $settings -Principal $who `
        -Trigger (New-ScheduledTaskTrigger -AtStartup) -Force | Out-Null
    Write-Output 'changed: task'
}
